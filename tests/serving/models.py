"""Registers the models that the tests of serving endpoints serve, as a user does: `python models.py CATALOG [NAME...]`."""

import sys
import tempfile
from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow import MlflowClient
from mlflow.models import infer_signature
from sklearn.linear_model import LinearRegression

SCHEMA = f"{sys.argv[1]}.ml_team"
X = pd.DataFrame({"width": [1.0, 2.0, 3.0], "height": [2.0, 1.0, 4.0]})


def register(path: str, name: str, *aliases: str) -> str:
    version = mlflow.register_model(Path(path).as_uri(), f"{SCHEMA}.{name}")
    for alias in aliases:
        MlflowClient().set_registered_model_alias(f"{SCHEMA}.{name}", alias, version.version)
    return version.version


class Scaled(mlflow.pyfunc.PythonModel):
    """With code of its own: answers many ways, by what is in its input."""

    def predict(self, context, model_input, params=None):
        import os
        import time

        word = str(model_input["word"].iloc[0])
        if word == "raise":
            raise ValueError("secret detail of the model")
        if word == "nan":
            return [float("nan"), float("inf"), 1.0]
        if word == "long":
            return ["x" * 1000] * 2000
        if word == "die":
            os._exit(3)
        if word.startswith("sleep"):
            time.sleep(float(word[5:]))
        if word.startswith("read:"):
            return [Path(word[5:]).read_text()[:20]]
        if word == "environment":
            return [",".join(sorted(os.environ))]
        if word == "variable":
            return [os.environ.get("GREETING", "")]
        if word == "connect":
            import socket

            socket.create_connection(("127.0.0.1", int((params or {}).get("port", 1))), 2)
        if word == "spawn":
            import subprocess

            subprocess.run(["/bin/true"], check=True)
        return [f"{word}:{(params or {}).get('factor', 1)}"]


class Unloadable(mlflow.pyfunc.PythonModel):
    def load_context(self, context: Any) -> None:
        raise RuntimeError("weights are missing")

    def predict(self, context, model_input):
        return model_input


class Chat(mlflow.pyfunc.PythonModel):
    """A chat model made of plain Python."""

    def predict(self, context, model_input, params=None):
        messages = model_input["messages"] if isinstance(model_input, dict) else model_input["messages"].iloc[0]
        text = f"You said: {messages[-1]['content']}"
        return {
            "id": "chat-1",
            "object": "chat.completion",
            "created": 1,
            "model": "parrot",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
        }


def main() -> None:
    folder = Path(tempfile.mkdtemp())
    mlflow.set_registry_uri("databricks-uc")
    only = sys.argv[2:]
    for factor in () if only else (1, 2):
        model = LinearRegression().fit(X, factor * X["width"])
        path = str(folder / f"iris{factor}")
        mlflow.sklearn.save_model(
            model,
            path,
            signature=infer_signature(X, np.array([1.0])),
            input_example=X.head(1),
            serialization_format="cloudpickle",
            pip_requirements=["mlflow", "scikit-learn", "pandas"],
        )
        register(path, "iris_model", *(["Champion"] if factor == 1 else ["Challenger"]))
    words = pd.DataFrame({"word": ["a"]})
    signature = infer_signature(words, ["a"], params={"factor": 1, "port": 1})
    for name, model, requirements, sign in (
        ("words", Scaled(), ["mlflow"], signature),
        ("unloadable", Unloadable(), ["mlflow"], signature),
        ("broken", Scaled(), ["mlflow", "modelkeep-has-no-such-package==9.9"], signature),
        ("hostile", Scaled(), ["mlflow", "evil @ https://example.com/evil.whl"], signature),
        ("chat", Chat(), ["mlflow"], None),
    ):
        if only and name not in only:
            continue
        path = str(folder / name)
        mlflow.pyfunc.save_model(
            path,
            python_model=model,
            pip_requirements=requirements,
            signature=sign or infer_signature({"messages": [{"role": "user", "content": "x"}]}, {"id": "x"}),
        )
        register(path, name)
    print("registered")


if __name__ == "__main__":
    main()
