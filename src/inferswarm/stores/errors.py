"""What can go wrong with a file or an object in a bucket, each a line that a user can act on.

StoreError             5  something else; `retryable` where a later try may help
|-- MissingError       2  the bucket, the object or the file is not there
|-- FolderError        2  a file stands where a folder is needed
|-- ExistsError        2  it is there, and replacing it was not asked for
|-- ExtraError         2  the packages for this kind of URI are not installed
|-- ReadOnlyError      2  this kind of URI can only be read
|-- DeniedError        4  the identity in use may not do it, or there is none
`-- UnreachableError   4  the service cannot be reached, or broke off too often
"""

from inferswarm.errors import EXIT_INPUT, EXIT_TARGET, InferswarmError


class StoreError(InferswarmError):
    """Reading or writing a URI failed; `retryable` says whether trying again later may help."""

    retryable = False


class MissingError(StoreError):
    """The bucket, the object or the file does not exist; the message says which."""

    exit_code = EXIT_INPUT


class FolderError(StoreError):
    """A part of the path is a file, so that nothing can be below it."""

    exit_code = EXIT_INPUT


class ExistsError(StoreError):
    """The object is there already, and the caller did not ask to replace it."""

    exit_code = EXIT_INPUT


class ExtraError(StoreError):
    """The optional packages that this scheme needs are not installed."""

    exit_code = EXIT_INPUT


class ReadOnlyError(StoreError):
    """This kind of URI can be read only, and not listed."""

    exit_code = EXIT_INPUT


class DeniedError(StoreError):
    """The identity in use lacks a right, or no credentials were found."""

    exit_code = EXIT_TARGET


class UnreachableError(StoreError):
    """No answer, a broken connection or a server error, after all tries; later it may work."""

    exit_code = EXIT_TARGET
    retryable = True
