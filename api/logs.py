"""The log: plain lines for a person, JSON for machines. What is logged never holds the text of a post."""

import logging
import sys

from pythonjsonlogger.json import JsonFormatter

from api.settings import LogFormat

_PLAIN = "%(asctime)s %(levelname)s %(message)s"
_JSON = {"asctime": "time", "levelname": "level"}


def configure_logging(wanted: LogFormat) -> None:
    """Log to stderr."""
    as_json = wanted is LogFormat.JSON or (wanted is LogFormat.AUTO and not sys.stderr.isatty())
    formatter: logging.Formatter = logging.Formatter(_PLAIN)
    if as_json:
        formatter = JsonFormatter("%(asctime)s %(levelname)s %(message)s %(process)d", rename_fields=_JSON)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
    # A line for each connection that a scanner tries says nothing that /metrics does not.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
