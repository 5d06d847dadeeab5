"""Every error that a user can cause or must mend, in one tree.

    TriageError
    ├── DataError            a file or row of posts cannot be read
    ├── TaxonomyError        a taxonomy file contradicts itself
    ├── EncoderError         the pretrained encoder is missing or not the one expected
    ├── ExportError          the exported graph does not answer as the network does
    ├── BundleError          a bundle is torn, altered or not of this format
    │   └── PolicyError      a policy that was made for another model or taxonomy
    ├── RegistryError        a model name, version or pointer that does not exist
    ├── StoreError           the store of feedback cannot be reached or written
    ├── BusyError            another process is at work on the same thing
    ├── ConfigurationError   settings that contradict each other or cannot be parsed
    ├── MissingExtraError    a verb whose optional dependencies are not installed
    └── Interrupted          long work stopped on request; it can be resumed

A message says what was expected, what was found, where, and how to mend it. It never holds the text of a post.
"""


class TriageError(Exception):
    """Root of the tree. The command line turns it into one line on stderr and `exit_code`."""

    exit_code = 2


class DataError(TriageError):
    pass


class TaxonomyError(TriageError):
    pass


class EncoderError(TriageError):
    pass


class ExportError(TriageError):
    exit_code = 1


class BundleError(TriageError):
    pass


class PolicyError(BundleError):
    pass


class RegistryError(TriageError):
    pass


class StoreError(TriageError):
    pass


class BusyError(TriageError):
    pass


class ConfigurationError(TriageError):
    pass


class MissingExtraError(TriageError):
    pass


class Interrupted(TriageError):  # noqa: N818  # nothing went wrong
    exit_code = 130
