"""What a field of a tracking call means where it is left out, null, empty or 0: put in before the call is checked.

MLflow's server reads an absent number as 0, and refuses 0 in some searches. The defaults are those of MLflow's messages
(mlflow/protos/service.proto) and of databricks-sdk's docstrings (service/ml.py, ExperimentsAPI); docs/dev/defaults.md lists them.
"""

from typing import Any

_V2, _V3 = "/2.0/mlflow", "/3.0/mlflow"
DEFAULTS: dict[tuple[str, str], dict[str, Any]] = {
    ("GET", f"{_V2}/experiments/list"): {"max_results": 1000, "view_type": "ACTIVE_ONLY"},
    ("GET", f"{_V2}/experiments/search"): {"max_results": 1000, "view_type": "ACTIVE_ONLY"},
    ("POST", f"{_V2}/experiments/search"): {"max_results": 1000, "view_type": "ACTIVE_ONLY"},
    ("POST", f"{_V2}/runs/search"): {"max_results": 1000, "run_view_type": "ACTIVE_ONLY"},
    ("POST", f"{_V2}/logged-models/search"): {"max_results": 50},
    ("GET", f"{_V2}/traces"): {"max_results": 100},
    ("POST", f"{_V3}/traces/search"): {"max_results": 100},
    ("POST", f"{_V3}/traces/metrics"): {"max_results": 1000},
    # No page: the whole history in one answer.
    ("GET", f"{_V2}/metrics/get-history"): {"max_results": None},
    ("GET", f"{_V2}/metrics/get-history-bulk"): {"max_results": None},
    ("GET", f"{_V2}/metrics/get-history-bulk-interval"): {"max_results": None},
}
"""By method and path: each field's default, None for one that is better left out."""
_UNSET = (None, "", 0, "0")


def put_in(method: str, path: str, fields: dict[str, Any]) -> None:
    """Set the defaults of fields that the call leaves unset, in place."""
    for name, value in DEFAULTS.get((method, path), {}).items():
        unset = fields.get(name)
        if isinstance(unset, bool) or unset not in _UNSET:
            continue
        if value is None:
            fields.pop(name, None)
        else:
            fields[name] = value
