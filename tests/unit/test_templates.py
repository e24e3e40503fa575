"""Chat templates of families, and the trial of a model's own."""

import pytest

from desktop_llm.core.messages import Message, Role
from desktop_llm.core.models import LoadOptions, ModelSettings
from desktop_llm.core.templates import (
    CHATML,
    EXAMPLE,
    FAMILIES,
    GEMMA,
    LLAMA3,
    LONGEST_TEMPLATE,
    MISTRAL,
    PHI,
    PROSE,
    family_for,
    without,
)
from desktop_llm.worker.template import fallback_pieces, preview


def text_of(pieces) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_family_is_the_same_as_a_template_and_as_a_fallback(family) -> None:
    shown = preview(family.jinja(), EXAMPLE)
    assert shown.template_fault == ""
    assert text_of(shown.pieces) == text_of(fallback_pieces(EXAMPLE, family))
    said = [piece.text for piece in shown.pieces if piece.is_content]
    assert said[-1].endswith("Do people eat it?")


def test_what_the_families_look_like() -> None:
    question = (Message(Role.USER, "Hi"),)
    assert text_of(fallback_pieces(question, CHATML)) == (
        "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"
    )
    assert text_of(fallback_pieces(question, LLAMA3)) == (
        "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )
    told = (Message(Role.SYSTEM, "Be brief."), *question)
    assert text_of(fallback_pieces(told, GEMMA)) == (
        "<bos><start_of_turn>user\nBe brief.\n\nHi<end_of_turn>\n<start_of_turn>model\n"
    )
    assert text_of(fallback_pieces(told, MISTRAL)) == "<s>[INST] Be brief.\n\nHi [/INST]"
    assert text_of(fallback_pieces(question, PHI)) == "<|user|>\nHi<|end|>\n<|assistant|>\n"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_the_family_is_known_by_a_control_token(family) -> None:
    assert family_for(lambda token: token == family.needs) is (family if family.needs else PROSE)


def test_roles_are_joined_where_one_has_no_place() -> None:
    turns = (Message(Role.SYSTEM, "a"), Message(Role.USER, "b"), Message(Role.ASSISTANT, "c"),
             Message(Role.SYSTEM, "d"), Message(Role.USER, "e"))  # fmt: skip
    assert [(one.role.value, one.text) for one in without(turns, Role.SYSTEM)] == [
        ("user", "a\n\nb"), ("assistant", "c"), ("user", "d\n\ne"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("{% for m in messages %}{{ m.missing.at }}{% endfor %}", "UndefinedError"),
        ("{% if %}", "TemplateSyntaxError"),
        ("{{ raise_exception('not for you') }}", "not for you"),
        ("Hello", "drops a message"),
        ("{% for i in range(10**9) %}{{ i }}{% endfor %}", ""),
        ("{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}", ""),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "SecurityError"),
    ],
)
def test_a_template_of_no_use_says_why(source, reason) -> None:
    shown = preview(source, EXAMPLE)
    assert shown.template_fault
    assert reason in shown.template_fault


def test_a_template_has_a_largest_length() -> None:
    with pytest.raises(ValueError, match="template"):
        LoadOptions(template="x" * (LONGEST_TEMPLATE + 1))
    settings = ModelSettings(template=CHATML.jinja())
    assert ModelSettings.from_values(settings.to_values()) == settings
    assert settings.applied_to(LoadOptions()).template == CHATML.jinja()
