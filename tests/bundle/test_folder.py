"""A bundle is the trained model, whole, and says so where it is not."""

import json
import os

import pytest
import torch

import recbole_iacn
from recbole_iacn.bundle import folder as bundles
from recbole_iacn.bundle import manifest
from recbole_iacn.bundle.folder import Bundle
from recbole_iacn.data.catalogue import Catalogue
from recbole_iacn.errors import ConfigError

MODELS = ["DIN_IaCN", "WideDeep_IaCN", "MIND", "TiMiRec", "ItemNeighbours", "DIN"]


@pytest.fixture
def training(settings):
    def make(model="DIN_IaCN", **changes):
        return recbole_iacn.build(model, "tiny", config_dict=settings(**changes))

    return make


@pytest.fixture
def saved(training, tmp_path):
    path = tmp_path / "bundle"
    training().save(str(path))
    return path


@pytest.mark.parametrize("model", MODELS)
def test_scores_and_tables_come_back(training, tmp_path, model):
    made = training(model)
    made.save(str(tmp_path / "bundle"))
    bundle = Bundle.read(tmp_path / "bundle")
    rows = made.test_data._dataset[list(range(20))]
    with torch.no_grad():
        assert torch.equal(made.model.eval().predict(rows), bundle.model().predict(rows))
    before = Catalogue.of(made.dataset)
    assert bundle.catalogue.columns == before.columns
    assert bundle.catalogue.digests() == before.digests()
    for side in ("items", "users"):
        ours, theirs = getattr(before, side), getattr(bundle.catalogue, side)
        assert list(ours) == list(theirs)
        assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_no_path_of_the_machine_is_in_it(saved, data_path):
    for name in ("settings.json", "columns.json", "manifest.json"):
        assert str(data_path) not in (saved / name).read_text()
    assert not [path for path in saved.parent.iterdir() if path.name.startswith(".")]


def test_whoever_may_read_one_file_may_read_all(saved):
    """safetensors lets only the owner read what it writes."""
    modes = {path.stat().st_mode for path in saved.iterdir()}
    assert len(modes) == 1


def test_a_changed_byte_is_named(saved):
    for name in json.loads((saved / "manifest.json").read_text())["files"]:
        content = (saved / name).read_bytes()
        (saved / name).write_bytes(content[:40] + bytes([content[40] ^ 1]) + content[41:])
        with pytest.raises(ConfigError, match=rf"bundle: {name} is damaged \(its SHA-256"):
            Bundle.read(saved)
        (saved / name).write_bytes(content)
    Bundle.read(saved)


def test_a_missing_file_is_named(saved):
    (saved / "items.parquet").unlink()
    with pytest.raises(ConfigError, match=r"the file 'items.parquet' is missing"):
        Bundle.read(saved)


def test_files_outside_are_not_read(saved):
    content = json.loads((saved / "manifest.json").read_text())
    content["files"]["../other"] = {"sha256": "", "bytes": 0}
    del content["manifest_sha256"]  # as version 0.6 wrote it
    (saved / "manifest.json").write_text(json.dumps(content))
    (saved.parent / "other").write_text("")
    with pytest.raises(ConfigError, match=r"'../other' is missing"):
        Bundle.read(saved)


def test_a_later_format_is_named(saved):
    content = json.loads((saved / "manifest.json").read_text())
    content["format"], content["versions"]["recbole_iacn"] = manifest.FORMAT + 1, "9.0"
    del content["manifest_sha256"]
    (saved / "manifest.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=r"format 2, written by recbole_iacn 9\.0.*upgrade recbole_iacn"):
        Bundle.read(saved)


@pytest.mark.parametrize("by, said", [("99.0.0", True), (manifest.__version__, False), ("0.5.9", False), (7, False)])
def test_a_later_version_of_this_format_is_opened_and_named(saved, caplog, by, said):
    """A setting that only the later one knows has no effect, which would else be silent."""
    settings = json.loads((saved / "settings.json").read_text())
    (saved / "settings.json").write_text(json.dumps({**settings, "iacn_of_tomorrow": 3}))
    content = json.loads((saved / "manifest.json").read_text())
    content["files"]["settings.json"] = manifest._about(saved / "settings.json")
    content["versions"]["recbole_iacn"] = by
    del content["manifest_sha256"]
    (saved / "manifest.json").write_text(json.dumps(content))
    assert Bundle.read(saved).model() is not None
    lines = [record.getMessage() for record in caplog.records if "written by recbole_iacn" in record.getMessage()]
    assert len(lines) == said
    assert not said or ("99.0.0" in lines[0] and "upgrade recbole_iacn" in lines[0])


def test_a_later_format_may_have_another_manifest(saved):
    (saved / "manifest.json").write_text(json.dumps({"format": 9, "files": {}, "versions": None}))
    with pytest.raises(ConfigError, match=r"format 9, written by recbole_iacn of a later version; this version"):
        Bundle.read(saved)


def test_a_file_that_cannot_be_read_is_named(saved, monkeypatch):
    real = open

    def denied(path, *more):
        if str(path).endswith("weights.safetensors"):
            raise PermissionError(13, "Permission denied")
        return real(path, *more)

    monkeypatch.setattr(manifest, "open", denied, raising=False)
    with pytest.raises(ConfigError, match=r"weights.safetensors: cannot be read \(Permission denied\)"):
        Bundle.read(saved)


@pytest.mark.parametrize(
    "content, message",
    [
        ("{", "manifest.json is damaged"),
        ("[]", "is not that of a bundle"),
        ("{}", "is not that of a bundle"),
    ]
    + [(json.dumps({"format": number, "files": {}}), "is not that of a bundle") for number in (0, True, "1", 1.0)],
)
def test_another_manifest_is_rejected(saved, content, message):
    (saved / "manifest.json").write_text(content)
    with pytest.raises(ConfigError, match=message):
        Bundle.read(saved)


def test_what_is_no_bundle_is_rejected(tmp_path):
    with pytest.raises(ConfigError, match="must be the folder of a bundle, there is none"):
        Bundle.read(tmp_path / "nothing")
    (tmp_path / "model.pth").write_bytes(b"")
    with pytest.raises(ConfigError, match="a checkpoint becomes a bundle by recbole-iacn bundle"):
        Bundle.read(tmp_path / "model.pth")
    with pytest.raises(ConfigError, match=r"is not a bundle \(no manifest.json\)"):
        Bundle.read(tmp_path)


@pytest.mark.parametrize("path", [None, 5, ["bundle"]])
def test_what_is_no_path_is_rejected(path):
    with pytest.raises(ConfigError, match="bundle: must be the path of a folder, got"):
        recbole_iacn.load(path)


@pytest.mark.parametrize("device", ["gpu", "cuda:99", 99, None, ""])
def test_a_device_that_is_not_here_is_named(saved, device):
    with pytest.raises(ConfigError, match=f"device: {device!r} cannot be used here") as error:
        recbole_iacn.load(saved, device=device)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("model", ["Pop", "ItemKNN", "EASE", "LightGCN"])
def test_models_made_of_interactions_are_named(training, tmp_path, model):
    ranked = {"eval_args": {"mode": "full", "split": {"LS": "valid_and_test"}, "order": "TO"}}
    made = training(model, **ranked, metrics=["Recall"], valid_metric="Recall@10", mlp_hidden_size=...)
    made.fit()
    with pytest.raises(ConfigError, match=f"{model}: (cannot be a bundle, which has no|a bundle's scores)") as error:
        made.save(str(tmp_path / "bundle"))
    assert "\n" not in str(error.value) and not (tmp_path / "bundle").exists()


def test_what_stands_there_is_replaced_only_if_it_is_a_bundle(training, saved, tmp_path):
    made = training("MIND")
    with pytest.raises(ConfigError, match="exists already"):
        made.save(str(saved))
    made.save(str(saved), overwrite=True)
    assert Bundle.read(saved).settings["model"] == "MIND"
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "thesis.txt").write_text("…")
    with pytest.raises(ConfigError, match="is not a bundle, so it is not replaced"):
        made.save(str(tmp_path / "work"), overwrite=True)
    with pytest.raises(ConfigError, match=r"bundle: cannot be written \(.*thesis.txt is a file\); name another"):
        made.save(str(tmp_path / "work" / "thesis.txt" / "bundle"))


class Forgetful(recbole_iacn.MIND):
    """Keeps a number outside its state."""

    def __init__(self, config, dataset):
        super().__init__(config, dataset)
        self.shift = torch.rand(1)

    def predict(self, interaction):
        return super().predict(interaction) + self.shift


def test_a_state_outside_the_state_dict_is_found(training, tmp_path):
    made = training(Forgetful)
    made.model.shift += 1
    with pytest.raises(ConfigError, match=r"Forgetful: a bundle's scores would differ by .* make it a buffer"):
        made.save(str(tmp_path / "bundle"))
    assert not (tmp_path / "bundle").exists() and not list(tmp_path.glob(".bundle*"))


def test_a_class_that_is_not_known_is_named(saved):
    bundle = Bundle.read(saved)
    bundle.settings["model"] = "DINN_IaCN"
    with pytest.raises(ConfigError, match=r"there is no 'DINN_IaCN'.*DIN_IaCN"):
        bundle.model()


@pytest.mark.parametrize(
    ("setting", "value"),
    [("iacn_extractor", "elsewhere"), ("auxiliary_tasks", ["iacn", "elsewhere"]), ("model", "Elsewhere")],
)
def test_parts_of_your_own_must_be_added_first(saved, setting, value):
    bundle = Bundle.read(saved)
    bundle.settings[setting] = value
    with pytest.raises(ConfigError, match=r"there is no '[Ee]lsewhere'.*import the module that adds or registers it"):
        bundle.model()


def test_weights_of_another_shape_are_named(saved):
    bundle = Bundle.read(saved)
    bundle.settings["mlp_hidden_size"] = [5, 4]
    with pytest.raises(ConfigError, match=r"weights.safetensors are not those of DIN_IaCN as it is here"):
        bundle.model()


def test_a_setting_is_not_evaluated(training, tmp_path):
    training("KD_DAGFM_IaCN").save(str(tmp_path / "bundle"))
    bundle = Bundle.read(tmp_path / "bundle")
    bundle.settings["teacher"] = f"open({str(tmp_path / 'ran')!r}, 'w')"
    with pytest.raises(ConfigError, match="teacher: must be"):
        bundle.model()
    assert not (tmp_path / "ran").exists()


def test_a_later_phase_needs_no_file(training, tmp_path):
    teacher = training("KD_DAGFM_IaCN").save_checkpoint(str(tmp_path / "teacher.pth"))
    student = training("KD_DAGFM_IaCN", phase="distillation", warm_up=teacher)
    student.save(str(tmp_path / "bundle"))
    (tmp_path / "teacher.pth").unlink()
    bundle = Bundle.read(tmp_path / "bundle")
    rows = student.test_data._dataset[list(range(20))]
    with torch.no_grad():
        assert torch.equal(student.model.eval().predict(rows), bundle.model().predict(rows))
    assert (
        bundle.model().phase == "distillation" and str(tmp_path) not in (tmp_path / "bundle/settings.json").read_text()
    )


def test_opening_draws_no_random_numbers(saved):
    torch.manual_seed(3)
    Bundle.read(saved).model()
    drawn = torch.rand(1)
    torch.manual_seed(3)
    assert torch.equal(drawn, torch.rand(1))


def test_the_padding_token_in_data_is_rejected(training, tmp_path):
    made = training("MIND")
    made.dataset.field2id_token["item_id"][5] = "[PAD]"
    with pytest.raises(ConfigError, match=r"item_id: the token \[PAD\] is RecBole's padding"):
        bundles.write(tmp_path / "bundle", made.config, made.dataset, made.model)


@pytest.mark.parametrize("name", ["manifest.json", "settings.json", "weights.safetensors"])
def test_what_is_not_a_file_is_named_and_not_waited_for(saved, name):
    (saved / name).unlink()
    os.mkfifo(saved / name)
    with pytest.raises(ConfigError, match="a pipe, not a file"):
        Bundle.read(saved)


def test_a_manifest_that_has_changed_by_a_letter_is_damaged(saved):
    text = (saved / "manifest.json").read_text()

    model = Bundle.read(saved).manifest["model"]
    for changed in (text.replace(f'"{model}"', f'"{model[:-1]}X"'), text.replace('"format": 1', '"format": 9')):
        (saved / "manifest.json").write_text(changed)
        with pytest.raises(ConfigError, match=r"manifest\.json is damaged"):
            Bundle.read(saved)
    (saved / "manifest.json").write_text(text)
    Bundle.read(saved)


def test_a_manifest_of_an_earlier_version_is_opened(saved):
    content = json.loads((saved / "manifest.json").read_text())
    del content["manifest_sha256"]
    (saved / "manifest.json").write_text(json.dumps(content))
    assert Bundle.read(saved).manifest["model"] == content["model"]


@pytest.mark.parametrize(
    ("model", "key", "default"), [("DIN_IaCN", "iacn_settling_iterations", 10), ("MIND", "num_interests", 4)]
)
def test_a_setting_that_is_newer_than_the_bundle_has_its_default(training, tmp_path, model, key, default):
    training(model).save(str(tmp_path / "bundle"))
    bundle = Bundle.read(tmp_path / "bundle")
    del bundle.settings[key]
    assert bundle.config()[key] == default
    bundle.settings[key] = 2
    assert bundle.config()[key] == 2
