"""What stands beside these tests is importable by them."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
