"""What the scripts of databricks-sdk share."""


def refused(error, call, *args, **fields):
    """The message of the error that the call must end in."""
    try:
        call(*args, **fields)
    except error as result:
        return str(result)
    raise AssertionError(f"{args} {fields} was not refused")
