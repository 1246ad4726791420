"""The `key=value` pairs of a query string or of a form, read strictly and up to a number of them."""

from urllib.parse import parse_qsl

from modelkeep.domain.errors import InvalidArgument


def read_pairs(encoded: bytes, most: int, refusal: str, *, charset: str = "ascii") -> list[tuple[str, str]]:
    """The pairs in their order, values that are empty among them.

    Raises InvalidArgument with the sentence `refusal` for more than `most` pairs, and for what is no percent-encoded UTF-8."""
    try:
        return parse_qsl(encoded.decode(charset), keep_blank_values=True, errors="strict", max_num_fields=most)
    except ValueError as error:
        raise InvalidArgument(refusal) from error
