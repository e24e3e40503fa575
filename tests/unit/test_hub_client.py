"""The Hub's metadata: the real client of huggingface_hub against the stand-in."""

import pytest

from desktop_llm.core.errors import EnvironmentFault, FaultCode
from desktop_llm.core.hub import RepoFile, RepoInfo, preferred, quantizations, remote_file
from desktop_llm.hub.client import HubClient
from desktop_llm.hub.connections import Connections, NetworkOptions
from tests.fakes.gguf_files import gguf
from tests.fakes.hub import COMMIT, Fault, Hub, HubFile, HubRepo, _Handler


@pytest.fixture
def hub(tmp_path):
    path = tmp_path / "m.gguf"
    path.write_bytes(gguf())
    text = tmp_path / "config.json"
    text.write_text("{}")
    repos = (
        HubRepo(
            "owner/Alpha-GGUF",
            {"a-Q4_K_M.gguf": HubFile(path), "config.json": HubFile(text, lfs=False)},
            downloads=5, tags=("gguf", "license:mit", "en", "zh"),
        ),
        HubRepo("owner/Beta-GGUF", {"b.gguf": HubFile(path)}, downloads=9),
        HubRepo("owner/Plain", {}, tags=("pytorch",)),
        HubRepo("owner/Gated", {}, gated=True),
        HubRepo("owner/Private", {}, private=True),
    )  # fmt: skip
    with Hub(*repos) as hub:
        yield hub


@pytest.fixture
def connect():
    made = []

    def make(hub, token="", **more):
        made.append(Connections(NetworkOptions(connect_seconds=2, read_seconds=2), **more))
        return HubClient(hub.url, made[-1], token)

    yield make
    for connections in made:
        connections.close()
    import huggingface_hub

    huggingface_hub.close_session()


def test_a_search_finds_sorts_and_filters(hub, connect):
    client = connect(hub)
    found = client.search()
    assert [one.repo for one in found] == ["owner/Gated", "owner/Beta-GGUF", "owner/Alpha-GGUF"]
    assert found[0].gated
    assert [one.repo for one in client.search("alpha")] == ["owner/Alpha-GGUF"]
    assert client.search("alpha")[0].licence == "mit"
    assert len(client.search(limit=1)) == 1
    assert client.search("nothing of the kind") == []


def test_a_repository_is_described(hub, connect):
    client = connect(hub)
    info = client.info("owner/Alpha-GGUF")
    assert (info.revision, info.licence, info.languages) == (COMMIT, "mit", ("en", "zh"))
    model, config = info.files
    file = hub.repos[info.repo].files["a-Q4_K_M.gguf"]
    assert (model.size, model.sha256, model.git_sha1) == (file.size, file.sha256, "")
    assert config.git_sha1 == hub.repos[info.repo].files["config.json"].git_sha1
    address = remote_file(client.endpoint, info, model).url
    assert address == f"{hub.url}/owner/Alpha-GGUF/resolve/{COMMIT}/a-Q4_K_M.gguf"


@pytest.mark.parametrize(
    ("repo", "code"),
    [
        ("owner/Nothing", FaultCode.HUB_TOKEN), ("owner/Private", FaultCode.HUB_TOKEN),
        ("../../etc", FaultCode.HUB_NOTHING_THERE), ("one", FaultCode.HUB_NOTHING_THERE),
        ("a/b/c", FaultCode.HUB_NOTHING_THERE), ("a/b?c=d", FaultCode.HUB_NOTHING_THERE),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(hub, connect, repo, code):
    with pytest.raises(EnvironmentFault) as fault:
        connect(hub).info(repo)
    assert fault.value.code is code


def test_a_token_opens_what_is_private(hub, connect):
    assert connect(hub, hub.token).info("owner/Private").repo == "owner/Private"


def test_a_commit_that_is_none_is_refused(hub, connect):
    hub.repos["owner/Beta-GGUF"].commit = "../../evil"
    with pytest.raises(EnvironmentFault) as fault:
        connect(hub).info("owner/Beta-GGUF")
    assert fault.value.code is FaultCode.HUB_ODD


def test_hostile_names_are_left_out(hub, connect):
    repo = hub.repos["owner/Beta-GGUF"]
    (file,) = repo.files.values()
    for name in ("../up.gguf", "/root.gguf", "a\\b.gguf", "con", "a/../../b", "x" * 300):
        repo.files[name] = file
    assert [one.name for one in connect(hub).info("owner/Beta-GGUF").files] == ["b.gguf"]


def test_nobody_there_and_no_permission(hub, connect):
    def refuse(host):
        raise EnvironmentFault(FaultCode.OFFLINE, host=host)

    with pytest.raises(EnvironmentFault) as fault:
        connect(hub, permit=refuse).search()
    assert fault.value.code is FaultCode.OFFLINE
    assert hub.asked == []
    hub.close()
    with pytest.raises(EnvironmentFault) as fault:
        connect(hub).search()
    assert fault.value.code is FaultCode.HUB_UNREACHABLE


@pytest.mark.parametrize("status", [429, 500, 503])
def test_an_overloaded_server_is_said_at_once(hub, connect, monkeypatch, status):
    monkeypatch.setattr(_Handler, "_json", lambda self, *_: self._error(status, ""))
    with pytest.raises(EnvironmentFault) as fault:
        connect(hub).search()
    assert fault.value.code is FaultCode.HUB_BUSY


def test_a_page_instead_of_an_answer_is_said(hub, connect, monkeypatch):
    monkeypatch.setattr(_Handler, "_json", lambda self, *_: self._refused(Fault("page")))
    for ask in (lambda client: client.search(), lambda client: client.info("owner/Beta-GGUF")):
        with pytest.raises(EnvironmentFault) as fault:
            ask(connect(hub))
        assert fault.value.code is FaultCode.HUB_ODD


def test_every_answer_is_recorded(hub, connect):
    seen = []
    connect(hub, record=seen.append).search()
    assert [(one.host, one.status) for one in seen] == [("127.0.0.1", 200)]


# --- quantizations --------------------------------------------------------------------------------


def info(*names):
    files = tuple(RepoFile(name=name, size=at + 1) for at, name in enumerate(names))
    return RepoInfo(repo="o/r", revision=COMMIT, files=files)


@pytest.mark.parametrize(
    ("name", "quantization"),
    [
        ("Qwen3-4B-Q4_K_M.gguf", "Q4_K_M"), ("m.q8_0.gguf", "Q8_0"), ("m-IQ4_XS.gguf", "IQ4_XS"),
        ("m-UD-Q4_K_XL.gguf", "Q4_K_XL"), ("m-BF16.gguf", "BF16"), ("m-f16.gguf", "F16"),
        ("gpt-oss-mxfp4.gguf", "MXFP4"), ("Q6_K/m.gguf", "Q6_K"), ("plain.gguf", "plain"),
        ("m-IQ3_XXS.gguf", "IQ3_XXS"), ("Qwen2.5-7B-Q2_K.gguf", "Q2_K"), ("m.Q5_1.gguf", "Q5_1"),
    ],
)  # fmt: skip
def test_a_quantization_is_known_by_its_name(name, quantization):
    assert [one.name for one in quantizations(info(name))] == [quantization]


def test_split_files_are_one_and_half_of_them_none():
    found = quantizations(
        info("m-Q8_0-00001-of-00002.gguf", "m-Q8_0-00002-of-00002.gguf", "m-Q4_0.gguf",
             "m-F16-00001-of-00002.gguf", "mmproj-f16.gguf", "README.md")
    )  # fmt: skip
    assert sorted((one.name, len(one.files)) for one in found) == [("Q4_0", 1), ("Q8_0", 2)]
    assert sum(one.size or 0 for one in found) == 6


def test_the_usual_one_is_taken():
    found = quantizations(info("m-Q2_K.gguf", "m-Q8_0.gguf", "m-Q4_K_M.gguf"))
    assert preferred(found).name == "Q4_K_M"
    assert preferred(quantizations(info("odd.gguf"))).name == "odd"
    assert preferred([]) is None
