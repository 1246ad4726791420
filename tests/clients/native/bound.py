"""Runs a script as a user whom the modes of files bind: root without its power over them.  Arguments: a script, its own."""

import ctypes
import os
import sys

if os.geteuid() == 0:
    for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
        assert ctypes.CDLL(None, use_errno=True).prctl(24, capability) == 0  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
