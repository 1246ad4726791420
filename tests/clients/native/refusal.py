"""What the scripts of databricks-sdk share."""


def refused(error, call, *args, **more):
    """The message of the error that the call must end in."""
    try:
        call(*args, **more)
    except error as found:
        return str(found)
    raise AssertionError(f"{args} {more} was not refused")
