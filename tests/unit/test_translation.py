"""Translation: what is kept, checked, tried again, remembered; subtitles and glossaries."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.glossary import (
    Entry,
    Glossary,
    Refusal,
    glossary_from_table,
    glossary_from_tbx,
    missed,
)
from desktop_llm.core.messages import Role
from desktop_llm.core.repetition import loop_start, without_loop
from desktop_llm.core.subtitles import looks_like_subtitles, subtitles
from desktop_llm.core.tool_files import tool_from_toml
from desktop_llm.core.translations import Flaw, Pair, changed_numbers, chrf
from desktop_llm.resources import resource
from desktop_llm.services.translation import Translator
from desktop_llm.storage.tool_history import open_tool_history

TOOL = tool_from_toml(resource("prompts", "translate.toml").read_text("utf-8"), own=False)
SRT = (
    "\ufeff1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello there.</i>\r\n\r\n"
    "2\r\n00:00:03,000 --> 00:00:04,000 X1:40\r\nTwo lines\r\nof one thought.\r\n\r\n"
    "3\r\n00:00:05.000 --> 00:00:06.000\r\n\r\n"
)


class Model:
    """Answers with the text it was given, in capitals, or as a script says."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.asked = []

    def __call__(self, request, _source):
        self.asked.append(request)
        if self.answers:
            answer = self.answers.pop(0)
            if answer is not None:
                return answer
        asked = request.messages[-1].text
        return re.search(r"<text>\n(.*)\n</text>", asked, re.DOTALL)[1].upper()


def translate(text, model=None, memory=None, **values):
    model = model or Model()
    made = Translator(
        TOOL, {"to": "de", **values}, "en", model, memory, lambda _said, _done, _of: None
    )
    return made.translate(text)


def test_sentences_are_translated_and_what_lies_between_stays():
    made = translate("One here.  Two there!\n\n\nThree.\n")
    assert made.text == "ONE HERE.  TWO THERE!\n\n\nTHREE.\n"
    assert [pair.source for pair in made.pairs] == ["One here.", "Two there!", "Three."]
    assert made.problems == []


def test_markdown_code_links_and_placeholders_stay():
    text = (
        "# A title\n\n- An item with `code_here` and [a link](https://a.example/x_y?z=1)\n"
        "> Hello {name}, you have %d mails.\n\n```\nno touch\n```\n\n| one | two |\n|---|---|\n"
        "| red | $x^2$ |\n"
    )
    made = translate(text)
    for kept in ("# A TITLE", "`code_here`", "(https://a.example/x_y?z=1)", "{name}", "%d",
                 "```\nno touch\n```", "|---|---|", "$x^2$", "\n> HELLO"):  # fmt: skip
        assert kept in made.text
    assert made.text.count("\n") == text.count("\n")
    assert made.problems == []


def test_lines_that_were_wrapped_are_one_sentence():
    made = translate("The bridge was opened\nin the spring of\nthat year. It stands.\n")
    assert [pair.source for pair in made.pairs] == [
        "The bridge was opened in the spring of that year.",
        "It stands.",
    ]


def test_a_lost_mark_is_tried_again_then_said_and_the_piece_put_back():
    model = Model("Lost it.", None)
    made = translate("Run `make test` now.", model)
    assert made.text == "RUN `make test` NOW."
    assert "Keep these marks: ⟦1⟧" in model.asked[1].messages[-1].text
    again = translate("Run `make test` now.", Model("Lost it.", "Lost it again."))
    assert again.text == "Lost it. `make test`"
    assert [(p.flaw, p.detail) for p in again.problems] == [(Flaw.KEPT_MISSING, "`make test`")]


def test_a_missed_term_is_asked_for_and_reported(tmp_path):
    (tmp_path / "terms.csv").write_text("source,target\nbridge,Brücke\nriver,Fluss\n", "utf-8")
    model = Model("Eine neue Bruecke.", "Eine neue Brücke.")
    made = translate("A new bridge.", model, glossary=str(tmp_path / "terms.csv"))
    assert made.text == "Eine neue Brücke."
    assert "bridge = Brücke" in model.asked[0].messages[-1].text
    assert "river" not in model.asked[0].messages[-1].text
    assert "must contain: “Brücke”" in model.asked[1].messages[-1].text
    bad = translate("A new bridge.", Model("X y.", "X y."), glossary=str(tmp_path / "terms.csv"))
    assert [(p.flaw, p.detail) for p in bad.problems] == [(Flaw.TERM_MISSED, "bridge → Brücke")]


def test_going_round_in_circles_is_cut_and_tried_again():
    loop = "Das ist gut. " * 20
    model = Model(loop, "Das ist gut.")
    made = translate("This is good.", model)
    assert made.text == "Das ist gut."
    assert model.asked[1].sampling.repeat_penalty > model.asked[0].sampling.repeat_penalty
    assert translate("This is good.", Model(loop, loop)).problems[0].flaw is Flaw.REPEATS


def test_the_last_translation_is_not_the_next_ones():
    model = Model(None, "ONE HERE.", None)
    made = translate("One here. Two there.", model)
    assert made.text == "ONE HERE. TWO THERE."
    assert len(model.asked[2].messages) == 1  # without what it copied
    kept = translate("One here. Two there.", Model(None, "ONE HERE.", "ONE HERE."))
    assert [problem.flaw for problem in kept.problems] == [Flaw.REPEATS]


def test_numbers_are_compared_and_what_came_back_unchanged_is_said():
    made = translate("It cost 1,250 euros.", Model("Es kostete 1.520 Euro.", "Es kostete 1520."))
    assert [p.flaw for p in made.problems] == [Flaw.NUMBER_CHANGED]
    same = "This was not translated."
    assert translate(same, Model(same, same)).problems[0].flaw is Flaw.UNTRANSLATED


def test_the_last_pairs_are_the_context():
    model = Model()
    translate("One here. Two there. Three now. Four then.", model)
    turns = model.asked[3].messages
    assert [m.role for m in turns] == [Role.USER, Role.ASSISTANT] * 2 + [Role.USER]
    assert turns[1].text == "TWO THERE."


def test_what_was_accepted_is_taken_and_what_is_like_it_shown(tmp_path):
    memory = open_tool_history(tmp_path / "tools.db")
    memory.remember([Pair("The door  is open.", "Die Tür ist offen.")], "de")
    model = Model()
    made = translate("The door is open.", model, memory)
    assert made.text == "Die Tür ist offen."
    assert made.remembered == 1
    assert model.asked == []
    translate("The door is shut.", model, memory)
    assert model.asked[0].messages[1].text == "Die Tür ist offen."
    translate("The door is open.", model, memory, to="fr")
    assert len(model.asked) == 2
    memory.close()


def test_the_check_translates_back():
    model = Model("EINS.", "One here.")
    made = translate("One here.", model, check="yes")
    assert made.score == 1.0
    assert "into English" in model.asked[1].messages[-1].text


def test_subtitles_keep_times_and_cues_exactly():
    assert looks_like_subtitles(SRT)
    made = translate(SRT)
    assert made.text == SRT.replace("Hello there.", "HELLO THERE.").replace(
        "Two lines\r\nof one thought.", "TWO LINES\r\nOF ONE THOUGHT."
    )
    assert len(subtitles(made.text).cues) == 3


def test_subtitles_that_were_stopped_have_all_their_cues():
    class Stopped(Exception):
        pass

    class Stops(Model):
        def __call__(self, request, source):
            if self.asked:
                raise Stopped
            return super().__call__(request, source)

    made = Translator(TOOL, {"to": "de"}, "en", Stops(), None, lambda _said, _done, _of: None)
    with pytest.raises(Stopped):
        made.translate(SRT)
    assert made.so_far.text == SRT.replace("Hello there.", "HELLO THERE.")


def test_nothing_to_translate_is_left_alone():
    model = Model()
    assert translate("123\n\n---\n`x`\n", model).text == "123\n\n---\n`x`\n"
    assert model.asked == []


def test_a_glossary_that_is_none_is_said(tmp_path):
    for name, content in (("gone.csv", None), ("x.csv", ""), ("x.tbx", "<a>")):
        path = tmp_path / name
        if content is not None:
            path.write_text(content, "utf-8")
        with pytest.raises(EnvironmentFault) as raised:
            translate("x", glossary=str(path))
        code = FaultCode.FILE_UNREADABLE if content is None else FaultCode.NO_GLOSSARY
        assert raised.value.code is code


# --- the parts ------------------------------------------------------------------------------------


@given(st.text(max_size=400))
def test_any_text_survives_the_reader_of_subtitles(text):
    found = subtitles(text)
    assert found.with_texts([cue.text for cue in found.cues]) == text


def test_subtitles_without_blank_lines_and_with_broken_times():
    text = "1\n00:00:01,000 --> 00:00:02,000\nA\n2\n00:00:03,000 --> 00:00:04,000\nB\n\nx --> y\n"
    found = subtitles(text)
    assert [cue.text for cue in found.cues] == ["A", "B"]
    assert found.broken == (8,)
    assert found.with_texts(["a\n\nb --> c", "B"]).count("-->") == 3


def test_a_thousand_terms_with_duplicates_and_circles():
    rows = "\n".join(f"term{at},Begriff{at}" for at in range(1000))
    bad = "term1;Begriff1\nterm2;anders\nBegriff3;term3\n;x\n"
    glossary = glossary_from_table(f"Term;Übersetzung\n{rows.replace(',', ';')}\n{bad}")
    assert len(glossary.entries) == 1001  # the first line has no known names: it is an entry
    assert [each.why for each in glossary.refused] == [
        Refusal.TWICE, Refusal.OTHER_TARGET, Refusal.CIRCULAR, Refusal.EMPTY,
    ]  # fmt: skip
    assert glossary.refused[0].line == 1002
    found = glossary.matching("About TERM7 and term77, not aterm8.")
    assert [entry.target for entry in found] == ["Begriff7", "Begriff77"]


def test_the_longest_term_is_found_and_chinese_needs_no_spaces():
    glossary = Glossary(
        [Entry("bank", "Bank"), Entry("river bank", "Ufer"), Entry("合同", "Vertrag")]
    )
    assert [e.target for e in glossary.matching("On the river bank.")] == ["Ufer"]
    assert [e.target for e in glossary.matching("本合同有效")] == ["Vertrag"]
    assert missed([Entry("合同", "Vertrag")], "Die Verträge gelten.") == []
    assert missed([Entry("contract", "contract")], "two contracts") == []


def test_tbx_is_read_and_one_with_entities_refused():
    tbx = """<?xml version="1.0"?><martif><text><body><termEntry>
      <langSet xml:lang="en-GB"><tig><term>bridge</term></tig></langSet>
      <langSet xml:lang="de"><ntig><termGrp><term>Brücke</term></termGrp></ntig></langSet>
    </termEntry></body></text></martif>"""
    assert glossary_from_tbx(tbx, "en", "de").entries == (Entry("bridge", "Brücke"),)
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaa">]><x>&a;</x>'
    assert glossary_from_tbx(bomb, "en", "de").refused[0].why is Refusal.NOT_READABLE


@given(st.text(max_size=300))
def test_no_text_breaks_the_readers_of_glossaries(text):
    glossary_from_table(text)
    glossary_from_tbx(text, "en", "de")


@pytest.mark.parametrize(
    ("text", "loops"),
    [
        ("Good. " * 12, True),
        ("很好。" * 20, True),
        ("ha ha ha", False),
        ("| --- | --- | --- | --- | --- | --- |", False),
        ("one\ntwo\nthree\nfour\nfive\nsix\n" * 2, False),
        ("A sentence that is rather long and is said. " * 4, True),
        ("- a\n- b\n- c\n- d\n- e\n- f\n- g\n- h\n", False),
    ],
)
def test_loops_are_told_from_lists(text, loops):
    assert (loop_start(text) is not None) is loops
    if loops:
        assert len(without_loop(text)[0]) < len(text) / 2


def test_numbers_by_their_digits_and_chrf():
    assert changed_numbers("1,234.5 in 2019", "2019: 1.234,5") == []
    assert changed_numbers("14 men and 2 dogs", "vierzehn Männer, zwei Hunde") == ["14"]
    assert chrf("abc", "abc") == 1.0
    assert chrf("abc", "xyz") == 0.0
    assert 0 < chrf("The cat sat.", "The cat sits.") < 1
