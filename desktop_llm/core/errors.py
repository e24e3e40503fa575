"""What can go wrong, as data; the faces word it.

    DesktopLlmError
    ├── EnvironmentFault   the computer, a file or the input is at fault: shown kindly, exit code 1
    └── ProgramFault       ours, a bug: shown as one, exit code 70

A fault carries a `FaultCode` and the values its sentence needs. The sentence itself, in the
person's language, is made at the face (`desktop_llm.words.faults`), so that a fault can cross a
pipe, be stored, and be shown later in another language.
"""

from collections.abc import Mapping
from enum import StrEnum

FaultValue = str | int | float


class FaultCode(StrEnum):
    """Every fault the program can name. A test asserts that each one is worded."""

    MODEL_MISSING = "model-missing"
    MODEL_NOT_GGUF = "model-not-gguf"
    MODEL_TRUNCATED = "model-truncated"
    MODEL_ABSURD = "model-absurd"
    MODEL_BIG_ENDIAN = "model-big-endian"
    MODEL_VERSION = "model-version"
    MODEL_PARTS_MISSING = "model-parts-missing"
    MODEL_NOT_OURS = "model-not-ours"
    MODEL_OTHER_KIND = "model-other-kind"
    MODEL_CHANGED = "model-changed"
    NO_MODEL_THERE = "no-model-there"
    ENCODER_BROKEN = "encoder-broken"
    MODEL_NOT_LOADABLE = "model-not-loadable"
    MODEL_CRASHED_LOADING = "model-crashed-loading"
    MODEL_OUT_OF_MEMORY = "model-out-of-memory"
    MODEL_TOO_LARGE = "model-too-large"
    NO_MODEL = "no-model"
    TEMPLATE_FAILED = "template-failed"
    PROMPT_TOO_LONG = "prompt-too-long"
    CONTEXT_OVERFLOW = "context-overflow"
    INVALID_PARAMETER = "invalid-parameter"
    NO_GLOSSARY = "no-glossary"
    FEW_LABELS = "few-labels"
    LABEL_TWICE = "label-twice"
    GRAMMAR_INVALID = "grammar-invalid"
    GRAMMAR_TOO_COMPLEX = "grammar-too-complex"
    SCHEMA_INVALID = "schema-invalid"
    WORKER_KILLED = "worker-killed"
    WORKER_OUT_OF_MEMORY = "worker-out-of-memory"
    WORKER_CRASHED = "worker-crashed"
    WORKER_GAVE_UP = "worker-gave-up"
    WORKER_SILENT = "worker-silent"
    WORKER_VERSION = "worker-version"
    REQUEST_TOO_LARGE = "request-too-large"
    DATA_FOLDER_READ_ONLY = "data-folder-read-only"
    PATH_TOO_LONG = "path-too-long"
    ALREADY_RUNNING = "already-running"
    DISK_FULL = "disk-full"
    DISK_FAILED = "disk-failed"
    DATABASE_BUSY = "database-busy"
    LOCATION_BROKEN = "location-broken"
    LOCATION_MISSING = "location-missing"
    RELOCATION_FIXED = "relocation-fixed"
    RELOCATION_INSIDE = "relocation-inside"
    RELOCATION_NOT_EMPTY = "relocation-not-empty"
    RELOCATION_WHOLE_DRIVE = "relocation-whole-drive"
    RELOCATION_NO_ROOM = "relocation-no-room"
    RELOCATION_DIFFERS = "relocation-differs"
    DATABASE_NEWER = "database-newer"
    DATABASE_DAMAGED = "database-damaged"
    NO_BACKUP = "no-backup"
    SETTINGS_BROKEN = "settings-broken"
    FILE_UNREADABLE = "file-unreadable"
    FILE_UNWRITABLE = "file-unwritable"
    FILE_EXISTS = "file-exists"
    FILE_TOO_LARGE = "file-too-large"
    NO_PRESETS_FILE = "no-presets-file"
    DOCUMENT_IS_IMAGE = "document-is-image"
    DOCUMENT_NOT_TEXT = "document-not-text"
    DOCUMENT_DAMAGED = "document-damaged"
    DOCUMENT_LOCKED = "document-locked"
    DOCUMENT_WITHOUT_TEXT = "document-without-text"
    DOCUMENT_TOO_MUCH = "document-too-much"
    DOCUMENTS_REFUSED = "documents-refused"
    NO_CONVERSATION = "no-conversation"
    IMPORT_UNKNOWN = "import-unknown"
    IMPORT_NEWER = "import-newer"
    ARCHIVE_DAMAGED = "archive-damaged"
    ADDRESS_INVALID = "address-invalid"
    NO_SUCH_QUANTIZATION = "no-such-quantization"
    NO_TOOL = "no-tool"
    NO_SUCH_VARIABLE = "no-such-variable"
    NO_SUCH_CHOICE = "no-such-choice"
    NO_JOB = "no-job"
    NO_TABLE = "no-table"
    NO_SUCH_COLUMN = "no-such-column"
    NO_SUCH_ROW = "no-such-row"
    TABLE_EMPTY = "table-empty"
    TABLE_BROKEN = "table-broken"
    TABLE_LONG = "table-long"
    TABLE_WIDE = "table-wide"
    ROW_EMPTY = "row-empty"
    ROW_BROKEN = "row-broken"
    JOB_STOPPED = "job-stopped"
    JOB_CRASHED = "job-crashed"
    JOBS_BUSY = "jobs-busy"
    HUB_UNREACHABLE = "hub-unreachable"
    HUB_BUSY = "hub-busy"
    HUB_SLOW = "hub-slow"
    HUB_TOKEN = "hub-token"
    HUB_GATED = "hub-gated"
    HUB_REFUSED = "hub-refused"
    HUB_NOTHING_THERE = "hub-nothing-there"
    HUB_ODD = "hub-odd"
    CONNECTION_LOST = "connection-lost"
    CERTIFICATE_REFUSED = "certificate-refused"
    PROXY_FAILED = "proxy-failed"
    REDIRECT_REFUSED = "redirect-refused"
    SIGN_IN_PAGE = "sign-in-page"
    DOWNLOAD_CHANGED = "download-changed"
    DOWNLOAD_DIFFERS = "download-differs"
    NO_ROOM = "no-room"
    OFFLINE = "offline"
    QUANTIZE_FAILED = "quantize-failed"
    MEASURING_STOPPED = "measuring-stopped"
    KEYRING_FAILED = "keyring-failed"
    EXPORT_FAILED = "export-failed"
    INPUT_EMPTY = "input-empty"
    TEXT_TOO_LONG = "text-too-long"
    NO_ADAPTER = "no-adapter"
    LANGUAGE_TOOL_MISSING = "language-tool-missing"
    LANGUAGE_UNSUPPORTED = "language-unsupported"
    LANGUAGE_TOO_MUCH = "language-too-much"
    LANGUAGE_STOPPED = "language-stopped"
    PACK_DAMAGED = "pack-damaged"
    PACK_REFUSED = "pack-refused"
    PACK_VERSION = "pack-version"
    PACK_NEEDS = "pack-needs"
    PACK_DIFFERS = "pack-differs"
    PACK_THERE = "pack-there"
    NO_PACK = "no-pack"
    BUG = "bug"


class DesktopLlmError(Exception):
    """Root of the program's own exceptions."""

    def __init__(self, code: FaultCode, **data: FaultValue) -> None:
        self.code = code
        self.data: Mapping[str, FaultValue] = data
        values = ", ".join(f"{key}={value!r}" for key, value in data.items())
        super().__init__(f"{code.value}({values})")


class EnvironmentFault(DesktopLlmError):
    """The computer, a file or the input is at fault; a person can do something about it."""


class ProgramFault(DesktopLlmError):
    """A bug of this program."""


def fault_from(code: str, data: Mapping[str, FaultValue]) -> DesktopLlmError:
    """Rebuild a fault from its parts, as they crossed a pipe. Unknown codes are bugs."""
    try:
        known = FaultCode(code)
    except ValueError:
        return ProgramFault(FaultCode.BUG, detail=code)
    kind = ProgramFault if known is FaultCode.BUG else EnvironmentFault
    return kind(known, **data)
