"""Faults in words: what happened to which thing, why, and what to do next."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from desktop_llm.core.errors import DesktopLlmError, FaultCode, FaultValue
from desktop_llm.words import _

_BRACKETS = re.compile(r"\s*[(（]\{\w+\}[)）]")


@dataclass(frozen=True, slots=True)
class Wording:
    """`what` names the thing and the cause; `next_step` is what a person can do."""

    what: str
    next_step: str

    def __str__(self) -> str:
        return f"{self.what} {self.next_step}".strip()


def word_fault(fault: DesktopLlmError) -> Wording:
    what, next_step = WORDS[fault.code]()
    values = _Values(fault.data)
    for name, value in fault.data.items():
        if name.endswith("_bytes") and isinstance(value, int | float):
            values[name.removesuffix("_bytes")] = _size(value)
        elif name in _COUNTS and isinstance(value, int):
            values[name] = f"{value:,}"
    if fault.code is FaultCode.MODEL_TOO_LARGE:
        what, next_step = _too_large(fault.data)
    return Wording(what.format_map(values), next_step.format_map(values))


def brief_fault(code: FaultCode) -> str:
    """What happened, where no more than its kind is known: without what is in brackets."""
    what, _next_step = WORDS[code]()
    return _BRACKETS.sub("", what).format_map(_Values()).rstrip(".。")


_COUNTS = ("most", "length", "columns")  # shown with their thousands


class _Values(dict[str, object]):
    """A value that a fault does not carry shows as an ellipsis, not as an error."""

    def __missing__(self, key: str) -> str:
        return "…"


def _size(count: float) -> str:
    return f"{count / 1e9:,.1f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"


def _too_large(data: Mapping[str, FaultValue]) -> tuple[str, str]:
    """What is known depends on who found it out: the header beforehand, or llama.cpp."""
    what, next_step = WORDS[FaultCode.MODEL_TOO_LARGE]()
    if "needed_bytes" in data:
        what = _(
            "The model “{path}” needs {needed} of memory with a context of {context} tokens, "
            "and {free} are free."
        )
    if data.get("fits"):
        next_step = _(
            "Set the context to {fits} tokens or fewer, close other programs, "
            "or choose a smaller model."
        )
    return what, next_step


WORDS: dict[FaultCode, Callable[[], tuple[str, str]]] = {
    FaultCode.MODEL_MISSING: lambda: (
        _("There is no model “{path}” on this computer."),
        _("Choose another model, or check that the file is still there."),
    ),
    FaultCode.MODEL_NOT_GGUF: lambda: (
        _("“{path}” is not a GGUF model file."),
        _("Choose a file that ends in .gguf, or download the model again."),
    ),
    FaultCode.MODEL_TRUNCATED: lambda: (
        _("The model file “{path}” is cut short; a part of it is missing."),
        _("Download it again."),
    ),
    FaultCode.MODEL_ABSURD: lambda: (
        _("The model file “{path}” claims impossible things and was not opened."),
        _("It is damaged or was made to do harm. Delete it and get it from a source you trust."),
    ),
    FaultCode.MODEL_BIG_ENDIAN: lambda: (
        _("“{path}” was made for computers with another order of bytes (big endian)."),
        _("Download the usual file of this model."),
    ),
    FaultCode.MODEL_VERSION: lambda: (
        _("The model file “{path}” has a GGUF version this program does not know."),
        _("Look for a newer file of the same model, or a newer version of this program."),
    ),
    FaultCode.MODEL_PARTS_MISSING: lambda: (
        _("“{path}” is one of several files of a model, and {number} of them are not here."),
        _("Put all of them into one folder, or download the model again."),
    ),
    FaultCode.MODEL_NOT_OURS: lambda: (
        _("“{path}” belongs to another program, and is only used here."),
        _("Remove it there; or stop using its folder."),
    ),
    FaultCode.MODEL_OTHER_KIND: lambda: (
        _("“{path}” is not a model that writes text ({detail})."),
        _("Choose another one for the conversation."),
    ),
    FaultCode.MODEL_CHANGED: lambda: (
        _("“{path}” is not the file it was: its hash is another one."),
        _("Delete it and download it again, unless you changed it yourself."),
    ),
    FaultCode.NO_MODEL_THERE: lambda: (
        _("There is no model that can be used in “{path}”."),
        _("Choose a folder with .gguf files, or one with config.json and safetensors."),
    ),
    FaultCode.ENCODER_BROKEN: lambda: (
        _("The folder “{path}” is no encoder that can be used ({reason})."),
        _("It needs config.json, a tokenizer, and weights as safetensors; download it again."),
    ),
    FaultCode.MODEL_NOT_LOADABLE: lambda: (
        _("The model file “{path}” could not be loaded ({detail})."),
        _("Its kind may be unknown to this program. Choose another model."),
    ),
    FaultCode.MODEL_CRASHED_LOADING: lambda: (
        _("The engine crashed while it loaded “{path}”."),
        _("It will not be loaded by itself again. Choose another model, or try once more."),
    ),
    FaultCode.MODEL_OUT_OF_MEMORY: lambda: (
        _("The computer ran out of memory while the engine loaded “{path}”."),
        _("It will not be loaded by itself again. Choose a smaller model or a shorter context."),
    ),
    FaultCode.MODEL_TOO_LARGE: lambda: (
        _("The model “{path}” needs more memory than is free."),
        _("Close other programs, choose a shorter context or a smaller model."),
    ),
    FaultCode.NO_MODEL: lambda: (
        _("There is no model on this computer yet."),
        _("Put a .gguf file into the models folder, or install the starter model."),
    ),
    FaultCode.TEMPLATE_FAILED: lambda: (
        _("The chat template of this model could not be used ({reason})."),
        _("A general one was used instead; replies may be worse."),
    ),
    FaultCode.CONTEXT_OVERFLOW: lambda: (
        _(
            "The conversation does not fit any more: {tokens} tokens, and the model can look at "
            "{context}, with room for a reply."
        ),
        _("Choose what of it the model is to see."),
    ),
    FaultCode.PROMPT_TOO_LONG: lambda: (
        _("The text is too long for the model: {tokens} tokens, and {context} fit."),
        _("Shorten it, start a new conversation, or set a longer context in the settings."),
    ),
    FaultCode.INVALID_PARAMETER: lambda: (
        _("The value of “{name}” is outside what is possible."),
        _("Choose a value from {low} to {high}."),
    ),
    FaultCode.NO_GLOSSARY: lambda: (
        _("“{path}” is no glossary that can be used."),
        _("It needs two columns, a term and its translation, or TBX with both languages."),
    ),
    FaultCode.FEW_LABELS: lambda: (
        _("One label is no choice."),
        _("Give two or more, separated by commas."),
    ),
    FaultCode.LABEL_TWICE: lambda: (
        _("Two labels are the same: “{label}”."),
        _("Give each label other words."),
    ),
    FaultCode.GRAMMAR_INVALID: lambda: (
        _("The grammar cannot be followed: it is not valid GBNF, or no text fits it."),
        _("Correct the grammar and try again."),
    ),
    FaultCode.GRAMMAR_TOO_COMPLEX: lambda: (
        _("The grammar is too large, or it takes too long to follow."),
        _("Make it shorter, with fewer repetitions and groups within groups."),
    ),
    FaultCode.SCHEMA_INVALID: lambda: (
        _("The JSON schema cannot be followed: {place}."),
        _("Correct it there. Patterns, conditions and links to other schemas are not supported."),
    ),
    FaultCode.REQUEST_TOO_LARGE: lambda: (
        _("The text is too large to be given to the engine: {size}, and {most} are possible."),
        _("Shorten it, or work through it in parts."),
    ),
    FaultCode.WORKER_KILLED: lambda: (
        _("The engine was ended from outside ({reason})."),
        _("Try again; the text so far is kept."),
    ),
    FaultCode.WORKER_OUT_OF_MEMORY: lambda: (
        _("The engine was ended because the computer ran out of memory."),
        _("Close other programs or choose a smaller model, then try again."),
    ),
    FaultCode.WORKER_CRASHED: lambda: (
        _("The engine crashed ({reason})."),
        _("It starts again by itself; the text so far is kept. Try again."),
    ),
    FaultCode.WORKER_GAVE_UP: lambda: (
        _("The engine ended {restarts} times in a row and now waits for you."),
        _("Choose another model or try again."),
    ),
    FaultCode.WORKER_SILENT: lambda: (
        _("The engine does not answer."),
        _("Try again; it is started anew."),
    ),
    FaultCode.WORKER_VERSION: lambda: (
        _("The engine belongs to another version of this program ({found} instead of {wanted})."),
        _("Close the program and start it again."),
    ),
    FaultCode.DATA_FOLDER_READ_ONLY: lambda: (
        _("The folder “{path}” cannot be written to ({reason})."),
        _("Give yourself the right to write there, or choose another data folder."),
    ),
    FaultCode.PATH_TOO_LONG: lambda: (
        _("The path “{path}” is too long: at most {most} bytes can be opened."),
        _("Choose a data folder with a shorter path."),
    ),
    FaultCode.ALREADY_RUNNING: lambda: (
        _("The program is already running with the folder “{path}”."),
        _("Use its window, or choose another data folder."),
    ),
    FaultCode.DISK_FULL: lambda: (
        _("The disk that holds “{path}” is full."),
        _("Free some space and try again. Nothing on the screen is lost; you can copy it."),
    ),
    FaultCode.DISK_FAILED: lambda: (
        _("The disk that holds “{path}” reports an error ({reason})."),
        _("Nothing on the screen is lost; copy it. Check the disk, then start the program again."),
    ),
    FaultCode.DATABASE_BUSY: lambda: (
        _("Another program holds the conversations in “{path}”."),
        _("Close it and try again."),
    ),
    FaultCode.LOCATION_BROKEN: lambda: (
        _("The file “{path}”, which says where the data folder is, cannot be read ({reason})."),
        _("The usual folder is used instead. Mend the file or erase it, then start anew."),
    ),
    FaultCode.LOCATION_MISSING: lambda: (
        _("The data folder “{path}” is not there."),
        _("The usual folder is used instead. Attach the drive it is on, then start anew."),
    ),
    FaultCode.RELOCATION_FIXED: lambda: (
        _("The data folder “{path}” was chosen when the program was started."),
        _("Start the program without that choice, then move the folder."),
    ),
    FaultCode.RELOCATION_INSIDE: lambda: (
        _("“{path}” lies within the present data folder."),
        _("Choose a folder outside it."),
    ),
    FaultCode.RELOCATION_NOT_EMPTY: lambda: (
        _("“{path}” is not an empty folder."),
        _("Choose an empty folder or a new one."),
    ),
    FaultCode.RELOCATION_WHOLE_DRIVE: lambda: (
        _("“{path}” is a whole drive."),
        _("Choose a new folder on it."),
    ),
    FaultCode.RELOCATION_NO_ROOM: lambda: (
        _("“{path}” has {free} MB free, and {needed} MB are needed."),
        _("Free some space there or choose another folder. Nothing was moved."),
    ),
    FaultCode.RELOCATION_DIFFERS: lambda: (
        _("“{path}” changed while the data folder was copied."),
        _("The old folder stays in use. End whatever else uses it and try again."),
    ),
    FaultCode.DATABASE_NEWER: lambda: (
        _("The conversations in “{path}” were written by a newer version of this program."),
        _("Use that version. Nothing was changed."),
    ),
    FaultCode.DATABASE_DAMAGED: lambda: (
        _("The file of the conversations, “{path}”, is damaged."),
        _("It is kept. Restore the newest backup, or save what can still be read."),
    ),
    FaultCode.NO_BACKUP: lambda: (
        _("There is no backup of “{path}” to go back to."),
        _("Save what can still be read; the damaged file is kept."),
    ),
    FaultCode.SETTINGS_BROKEN: lambda: (
        _("The settings file could not be read ({reason}). It is kept as “{path}”."),
        _("The default settings are used; set anew what you had changed."),
    ),
    FaultCode.FILE_UNREADABLE: lambda: (
        _("The file “{path}” cannot be read ({reason})."),
        _("Check that it is there and that you may read it."),
    ),
    FaultCode.FILE_UNWRITABLE: lambda: (
        _("The file “{path}” cannot be written ({reason})."),
        _("Choose another place for it."),
    ),
    FaultCode.FILE_TOO_LARGE: lambda: (
        _("The file “{path}” is too large: at most {most} are read."),
        _("Choose another file, or split it."),
    ),
    FaultCode.NO_PRESETS_FILE: lambda: (
        _("“{path}” is not a file of presets."),
        _("Choose one that was exported here, or by this program elsewhere."),
    ),
    FaultCode.DOCUMENT_IS_IMAGE: lambda: (
        _("“{path}” is a picture, and the program cannot read pictures yet."),
        _("Attach a text, or copy the text out of the picture with another program."),
    ),
    FaultCode.DOCUMENT_NOT_TEXT: lambda: (
        _("“{path}” is not a document that the program can read."),
        _("Attach a text, Markdown, PDF, Word (.docx), CSV, HTML or source file."),
    ),
    FaultCode.DOCUMENT_DAMAGED: lambda: (
        _("“{path}” is damaged and could not be read ({reason})."),
        _("Open it in the program that made it and save it again, or copy its text from there."),
    ),
    FaultCode.DOCUMENT_LOCKED: lambda: (
        _("“{path}” is locked with a password."),
        _("Save it without one, and attach that."),
    ),
    FaultCode.DOCUMENT_WITHOUT_TEXT: lambda: (
        _("There is no text in “{path}”."),
        _("If its pages are scanned pictures, let another program recognise their text first."),
    ),
    FaultCode.DOCUMENT_TOO_MUCH: lambda: (
        _("“{path}” was given up: reading it would take too much time or memory."),
        _("Save the part that you need as a file of its own, and attach that."),
    ),
    FaultCode.DOCUMENTS_REFUSED: lambda: (
        _("{number} files could not be attached."),
        "{reason}",
    ),
    FaultCode.NO_CONVERSATION: lambda: (
        _("There is no conversation {number}."),
        _("“desktop-llm chats list” shows which there are."),
    ),
    FaultCode.IMPORT_UNKNOWN: lambda: (
        _("“{path}” holds no conversations that the program knows."),
        _(
            "Choose a JSON file of this program, an export of ChatGPT or Claude (.zip or "
            "conversations.json), or a ShareGPT file."
        ),
    ),
    FaultCode.IMPORT_NEWER: lambda: (
        _("“{path}” was written by a newer version of the program."),
        _("Install that version, and import the file with it."),
    ),
    FaultCode.ARCHIVE_DAMAGED: lambda: (
        _("“{path}” is damaged, or of a kind of archive that the program cannot open."),
        _("Copy or download it anew, or unpack it and choose the conversations.json in it."),
    ),
    FaultCode.NO_SUCH_QUANTIZATION: lambda: (
        _("“{path}” has no “{name}”."),
        _("It has: {names}."),
    ),
    FaultCode.NO_TOOL: lambda: (
        _("There is no text tool called “{name}”."),
        _("`desktop-llm tool --list` names those there are."),
    ),
    FaultCode.NO_SUCH_VARIABLE: lambda: (
        _("The tool “{tool}” knows no “{name}”."),
        _("It knows: {known}."),
    ),
    FaultCode.NO_SUCH_CHOICE: lambda: (
        _("“{value}” is no choice for “{name}”."),
        _("There is: {known}."),
    ),
    FaultCode.TEXT_TOO_LONG: lambda: (
        _("The text is too long: {length} characters, and {most} are possible."),
        _("Take a part of it, or work through it in several files."),
    ),
    FaultCode.FILE_EXISTS: lambda: (
        _("“{path}” is there already."),
        _("Choose another name; nothing is overwritten."),
    ),
    FaultCode.NO_TABLE: lambda: (
        _("“{path}” is not a table that can be worked on."),
        _("Take a CSV, TSV, XLSX or JSONL file, or a folder of documents."),
    ),
    FaultCode.NO_SUCH_COLUMN: lambda: (
        _("The table has no column “{name}”."),
        _("There is: {known}."),
    ),
    FaultCode.NO_SUCH_ROW: lambda: (
        _("Row {number} has no result yet."),
        _("Wait until the work has come to it."),
    ),
    FaultCode.TABLE_EMPTY: lambda: (
        _("“{path}” holds no rows."),
        _("The first row names the columns; each further one is worked on."),
    ),
    FaultCode.TABLE_BROKEN: lambda: (
        _("“{path}” could not be read as a table: {reason}."),
        _("Open it in a spreadsheet program and save it as CSV."),
    ),
    FaultCode.TABLE_LONG: lambda: (
        _("“{path}” is too long: {most} characters of a table are possible."),
        _("Divide it into several files."),
    ),
    FaultCode.TABLE_WIDE: lambda: (
        _("“{path}” has {columns} columns, and {most} are possible."),
        _("Check what separates its cells, or leave columns out."),
    ),
    FaultCode.ROW_EMPTY: lambda: (
        _("There is no text in this row."),
        _("Fill it in, or leave it as it is."),
    ),
    FaultCode.ROW_BROKEN: lambda: (
        _("The row could not be read: {reason}."),
        _("Mend it in the file, and work on the file again."),
    ),
    FaultCode.NO_ADAPTER: lambda: (
        _("There is no adapter called “{name}” on this computer."),
        _("Take it out of the tool, or choose another tool."),
    ),
    FaultCode.NO_JOB: lambda: (
        _("There is no job {number}."),
        _("“desktop-llm jobs list” shows which there are."),
    ),
    FaultCode.JOB_STOPPED: lambda: (
        _("Job {number} was paused or cancelled elsewhere."),
        _("“desktop-llm jobs resume {number}” goes on with it."),
    ),
    FaultCode.ADDRESS_INVALID: lambda: (
        _("“{path}” is no address of a file that can be downloaded."),
        _("Give one that begins with https:// and ends with the file's name."),
    ),
    FaultCode.JOB_CRASHED: lambda: (
        _("The work on it has ended the program behind it several times."),
        _("Try again; if it stays so, report it with the diagnostics file."),
    ),
    FaultCode.JOBS_BUSY: lambda: (
        _("The work in the background does not stop just now."),
        _("Pause it on the page “Jobs”, then try again."),
    ),
    FaultCode.OFFLINE: lambda: (
        _("The offline switch is on: no connection to {host} was made."),
        _("Turn it off in the settings, then go on."),
    ),
    FaultCode.QUANTIZE_FAILED: lambda: (
        _("“{path}” cannot be brought into another format ({detail})."),
        _("Look for the format you want on the Hub; this one stays as it is."),
    ),
    FaultCode.MEASURING_STOPPED: lambda: (
        _("“{path}” could not be measured to the end."),
        _("Try again when the computer is less busy."),
    ),
    FaultCode.KEYRING_FAILED: lambda: (
        _("The keyring of this computer cannot be used ({reason})."),
        _("Unlock it and try again, or use the token for this session only."),
    ),
    FaultCode.HUB_UNREACHABLE: lambda: (
        _("{host} cannot be reached ({reason})."),
        _("Check the network and the proxy in the settings, then try again."),
    ),
    FaultCode.HUB_BUSY: lambda: (
        _("{host} is overloaded or being repaired (HTTP {status})."),
        _("Try again later; what has arrived is kept."),
    ),
    FaultCode.HUB_SLOW: lambda: (
        _("{host} sends next to nothing."),
        _("Try again later, or in another network; what has arrived is kept."),
    ),
    FaultCode.CONNECTION_LOST: lambda: (
        _("The connection to {host} broke off, again and again."),
        _("Check the network and try again; what has arrived is kept."),
    ),
    FaultCode.HUB_TOKEN: lambda: (
        _("{host} gives “{path}” only to those it knows, or has nothing of that name."),
        _("Check the name, or give your access token in the settings."),
    ),
    FaultCode.HUB_GATED: lambda: (
        _("The makers of “{path}” ask that you accept their licence first."),
        _("Accept it on its page, {host}/{path}, then give your access token in the settings."),
    ),
    FaultCode.HUB_REFUSED: lambda: (
        _("{host} refuses “{path}” (HTTP {status})."),
        _("Check whether your token may read it, or choose another model."),
    ),
    FaultCode.HUB_NOTHING_THERE: lambda: (
        _("{host} has no “{path}”."),
        _("It may have been renamed or removed: search for it again."),
    ),
    FaultCode.HUB_ODD: lambda: (
        _("{host} answered in a way that makes no sense ({reason})."),
        _("Try again later, or without the mirror or proxy that is set."),
    ),
    FaultCode.CERTIFICATE_REFUSED: lambda: (
        _("{host} does not prove who it is ({reason})."),
        _(
            "Do not go on in a network you do not know. In a company's network, name its "
            "certificate in the settings."
        ),
    ),
    FaultCode.PROXY_FAILED: lambda: (
        _("The proxy does not work ({path})."),
        _("Check the proxy in the settings, or the system's."),
    ),
    FaultCode.REDIRECT_REFUSED: lambda: (
        _("{host} leads to an address that is not safe."),
        _("Try without the mirror that is set, or report it to whoever runs it."),
    ),
    FaultCode.SIGN_IN_PAGE: lambda: (
        _("A page came instead of the file: this network wants you to sign in."),
        _("Open any page in a browser, sign in there, then try again."),
    ),
    FaultCode.DOWNLOAD_CHANGED: lambda: (
        _("“{path}” is another file on the server than it was."),
        _("Choose it anew from the search, so that its new version is fetched."),
    ),
    FaultCode.DOWNLOAD_DIFFERS: lambda: (
        _("“{path}” arrived damaged twice: its hash is not the one that was promised."),
        _("It was deleted. Try again later, or without the mirror that is set."),
    ),
    FaultCode.NO_ROOM: lambda: (
        _("“{path}” has {free} free, and {needed} are needed."),
        _("Free some space, then go on; what has arrived is kept."),
    ),
    FaultCode.EXPORT_FAILED: lambda: (
        _("“{path}” could not be made ({reason})."),
        _("Export fewer conversations at a time, or choose another form."),
    ),
    FaultCode.LANGUAGE_TOOL_MISSING: lambda: (
        _("The library “{name}”, which this needs, is not installed."),
        _("Install the program again; it comes with it."),
    ),
    FaultCode.LANGUAGE_UNSUPPORTED: lambda: (
        _("This does not work for the language “{language}”."),
        _("Choose another language, or another tool."),
    ),
    FaultCode.LANGUAGE_TOO_MUCH: lambda: (
        _("The text takes too much time or memory."),
        _("Work through it in parts."),
    ),
    FaultCode.LANGUAGE_STOPPED: lambda: (
        _("The language tools stopped ({reason})."),
        _("Try again; they start anew. Nothing of the text is lost."),
    ),
    FaultCode.PACK_DAMAGED: lambda: (
        _("“{path}” is no language pack that can be used ({reason})."),
        _("Choose the wheel file (.whl) of a spaCy pipeline, or download it again."),
    ),
    FaultCode.PACK_REFUSED: lambda: (
        _("The language pack “{path}” was refused: it wants code of its own ({detail})."),
        _("Choose a pack that is made of spaCy's own components."),
    ),
    FaultCode.PACK_VERSION: lambda: (
        _("The language pack “{path}” is made for spaCy {wanted}, and {found} is installed."),
        _("Choose another version of the pack."),
    ),
    FaultCode.PACK_NEEDS: lambda: (
        _("The language pack “{name}” needs the library “{package}”, which is not installed."),
        _("Install it, or go on without the pack."),
    ),
    FaultCode.PACK_DIFFERS: lambda: (
        _("“{path}” is not the file it should be: its hash is another one."),
        _("Download it again, from a source you trust."),
    ),
    FaultCode.PACK_THERE: lambda: (
        _("The language pack “{name}” is already installed."),
        _("Remove it first where it is to be installed again."),
    ),
    FaultCode.NO_PACK: lambda: (
        _("There is no language pack “{name}”."),
        _("Look at the list of those installed."),
    ),
    FaultCode.INPUT_EMPTY: lambda: (_("There is no text to send."), _("Write something first.")),
    FaultCode.BUG: lambda: (
        _("This is a bug of ours: {detail}"),
        _("Nothing you wrote is lost. Please report it with the diagnostics file."),
    ),
}
