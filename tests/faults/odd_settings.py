"""Settings, options and YAML that are not what they should be."""

import random
from typing import Any

# fmt: off
TEXTS = (  # what a command line may carry
    "", " ", "-1", "0", "1", "2", "3", "0.5", "1e3", "1e-3", "1e400", "nan", "inf", "-inf", "9" * 30, "-" + "9" * 30,
    "1_000", "0x10", "１", "٣", "½", "true", "False", "None", "~", "null", "off", "abc", "é", "日本語", "\u202eabc",
    "\u200b", "a" * 5000, "-", "--", "=", "a=b", "a=", "=b", "a:b", "a,b", "a b", "[", "]", "{", "{}", "[]", "()",
    "(1,)", "[1", "[1, 2]", "[0.1, 0.1, 0.1]", "['AUC']", "{'a': 1}", "{1: {2: [3]}}", "9**9**9", "exit()",
    "__import__('os')", "lambda: 0", "%s", "{x}", "'", '"', "\\", "\n", "\t", "\x1b[31m", "user_id", "item_id",
    "timestamp", "rating", "rating>=4", "rating>=", ">=4", "x>1", "AUC", "NDCG@5", "full", "uni5", "cpu", "cuda",
    "cuda:99", "tpu", "adam", "2024-05-31", "%d/%m/%Y", "s", "ms", "place", "[" * 500 + "]" * 500, "-" * 500 + "1",
    "\udcff", "a\udc80b",
)
PATHS = (  # none of them lies outside the folder of the try, or can be written
    "", ".", "a", "a/b/c", "/dev/null", "/dev/null/x", "/proc/x", "/proc/self/mem", "file", "file/x", "full", "é λ",
    "a" * 300, "a/../b", "./a", "a\nb", "\udcff", "-a", "~", "$HOME", "*", "con", "a b", "\u202eabc", ".hidden",
    "a.csv", "a.parquet", "a.xlsx",
)
YAML = (
    "", "{", "[", "- a", "a", "1", "null", "a: b: c", "a:\n\tb: 1", "\tkey: 1", "epochs: 1\nepochs: 2", "? [a]\n: 1",
    "? {a: 1}\n: 1", "!!python/object/apply:os.system ['true']", "epochs: !!python/name:os.system",
    "a: !!binary aGVsbG8=", "seed: !!set {1, 2}", "seed: !!timestamp 2020-01-01", "seed: 2020-01-01",
    "seed: 2020-13-45", "seed: !!int abc", "seed: !!float x", "seed: !x 1", "&a a: *a", "a: &a [*a]", "topk: &a [*a]",
    "metrics: *x", "<<: 1", "<<: {epochs: 1}", "--- \nepochs: 1\n--- \nepochs: 2", "%YAML 9.9\n---\nepochs: 1",
    "epochs: 1:30", "epochs: 0o17", "epochs: 017", "epochs: 1_0", "epochs: .nan", "epochs: .inf",
    "learning_rate: -.INF", "epochs: yes", "epochs: ~", "epochs: 'x", 'epochs: "\\x00"', "epochs: |\n  a\n  b",
    "\ufeffepochs: 1", "epochs: 1 # é", "learning_rаte: 0.1", "ｅpochs: 1", "EPOCHS: 1", "epochs : 1", "'epochs ': 1",
    "1: 2", "null: 1", "true: 1", "[1, 2]: 3", "metrics: [AUC, AUC]", "metrics: [[AUC]]",
    "eval_args: {split: {RS: [8, 1, 1]}, split: {LS: x}}", "data_path: 1", "data_path: [a]", "data_path: ''",
    "data_path: \"\\0\"", "data_path: ~", "checkpoint_dir: \"\\0\"", "dataset: x", "model: DIN",
    "load_col: {inter: {user_id: 1}}", "load_col: [inter]", "load_col: {1: 2}", "load_col: ~",
    "auxiliary_tasks: [x, [y]]", "topk: " + "[" * 200 + "]" * 200, "topk: " + "[" * 5_000 + "]" * 5_000,
    "a: " + "{a: " * 900 + "1" + "}" * 900,
    "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\n"
    "d: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d]\ntopk: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]",
    "topk: [" + "1, " * 50_000 + "1]", "seed: " + "9" * 5_000, "seed: 0x" + "f" * 4_000, "x" * 100_000 + ": 1",
    "epochs: " + "a" * 100_000,
)
VALUES: tuple[Any, ...] = (
    None, True, False, 0, 1, -1, 2, 10**30, -(10**30), 0.5, 1e308, float("nan"), float("inf"), "", " ", "x", "1", "é",
    "a" * 5_000, "../../x", "/", "\0", "\n",
    [], [1], [None], [[]], [["x"]], [1, "x"], ["x", "x"], {}, {"x": 1}, {1: 2},
    {"x": {"y": [1]}}, {"low": 1}, {"low": 1, "high": 2}, {"choices": []}, {"choices": [1]}, "off", "full", ["off"],
)
# fmt: on


def changed(value: Any, source: random.Random) -> Any:
    """A copy of nested dicts and lists in which one place is another value, is gone or is new."""
    if isinstance(value, dict) and value and source.random() < 0.8:
        key = source.choice(list(value))
        copy = dict(value)
        how = source.random()
        if how < 0.6:
            copy[key] = changed(value[key], source)
        elif how < 0.75:
            del copy[key]
        else:
            copy[source.choice(("x", key.upper() if isinstance(key, str) else key, 1, None, "dаtasets"))] = value[key]
        return copy
    if isinstance(value, list) and value and source.random() < 0.6:
        place = source.randrange(len(value))
        return [*value[:place], changed(value[place], source), *value[place + 1 :]]
    return source.choice(VALUES)
