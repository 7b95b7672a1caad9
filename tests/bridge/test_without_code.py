"""What RecBole evaluates or unpickles is read as data, in its plain functions, too."""

import pytest
import yaml
from faults.payloads import inside
from faults.strangers import SETTINGS
from helpers import write_atomic

from recbole_iacn.errors import ConfigError


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_with_code_is_one_line(name, tmp_path):
    write_atomic(tmp_path / "data")
    with inside(tmp_path), pytest.raises(ConfigError) as error:
        SETTINGS[name](tmp_path)
    assert "\n" not in str(error.value)


def test_the_teachers_of_the_module_are_known():
    from recbole.model.context_aware_recommender import kd_dagfm

    assert kd_dagfm.eval("CrossNet") is kd_dagfm.CrossNet and kd_dagfm.eval("CIN") is kd_dagfm.CIN
    with pytest.raises(ConfigError, match=r"^teacher: must be one of .*CrossNet.*, got 'CrosNet'\. Did you mean"):
        kd_dagfm.eval("CrosNet")


def test_choices_are_lists_of_values():
    from recbole.trainer import hyper_tuning

    assert hyper_tuning.eval("[0.1,'a',[64,32]]") == [0.1, "a", [64, 32]]


def test_yaml_has_recboles_numbers_and_pythons_objects_are_rejected():
    from recbole.config import configurator
    from recbole.data.dataset import dataset

    config = configurator.Config("BPR", "ml-100k")
    for module in (configurator, dataset):
        text = "a: 1e-3\nb: 1.5e3\nc: .5\nd: 1:30.5\ne: [1, x, ~, yes]\n"
        assert module.yaml.load(text, Loader=config.yaml_loader) == yaml.load(text, Loader=config.yaml_loader)
        with pytest.raises(yaml.YAMLError):
            module.yaml.load("a: !!python/tuple [1]", Loader=config.yaml_loader)
