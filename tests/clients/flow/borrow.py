"""Somebody else's version, copied with no right but to execute it.  Arguments: its URI, the copy's name, its depth."""

import sys

from common import X, arguments, client, fit, predicts_like, refused, same

uri, target, depth = arguments()
source = uri.removeprefix("models:/").rpartition("/")[0]
predicts_like(uri, fit(int(depth)))
copied = client.copy_model_version(uri, target)
same((copied.name, str(copied.version), copied.status), (target, "1", "READY"))
predicts_like(f"models:/{target}/1", fit(int(depth)))

# Reading is all that the right is good for.
denied = "PERMISSION_DENIED"
refused(client.set_registered_model_alias, source, "Mine", "1", code=denied)
refused(client.set_registered_model_tag, source, "k", "v", code=denied)
refused(client.update_registered_model, source, "mine now", code=denied)
refused(client.update_model_version, source, "1", "mine now", code=denied)
refused(client.rename_registered_model, source, f"{source}_mine", code=denied)
refused(client.delete_model_version, source, "1", code=denied)
refused(client.delete_registered_model, source, code=denied)
refused(client.copy_model_version, f"models:/{target}/1", source, words=denied)
print(f"copied {uri} to {target}, {len(X)} rows predicted alike", file=sys.stderr)
