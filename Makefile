# make demo       train DIN and DIN_IaCN on ml-100k and print a table
# make test       run the tests
# make test-fast  run the tests without training, subprocesses or browser, in some minutes
# make test-onnx  export every backbone in every mode, and compare it with PyTorch
# make test-ray   run the tests that need a current Ray, in their own environment: .venv-ray
# make faults     kills, full disks, strangers' files and malformed input, hundreds of times; FAULTS=--write publishes
# make explain    train DIN_IaCN on ml-1m for some minutes, and write a page of three users' interests: demo/interests.html
# make notebooks  run the notebooks of examples/, and write what they show into them
# make lint       run the linter and the type checker
# make release    build source archive and wheel of the last commit, and try them in new environments; RELEASE=--final
# make docs       build the documentation as a site, site/index.html; a broken link is an error
# make results    repeat the published experiments with the data in ../shared (takes hours; JOBS=2 runs at a time)
# Each target first creates the virtual environment if it is missing or out of date.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
RAY_VENV ?= .venv-ray

SHARED ?= ../shared
JOBS ?= 2
AMAZON := Beauty Sports_and_Outdoors

.PHONY: demo notebooks explain test test-fast test-onnx test-ray faults lint docs release results install

demo: install
	$(BIN)/python examples/demo.py

notebooks: install
	$(BIN)/python examples/execute.py

# Users 6, 57 and 109 have interests as different as musicals and westerns, or animation and thrillers.
explain: install dataset/ml-1m demo/ml-1m-model
	$(BIN)/recbole-iacn explain demo/ml-1m-model --events dataset/ml-1m/ml-1m.inter --items dataset/ml-1m/ml-1m.item \
	    --users 6,57,109 --out demo/interests.html --overwrite

demo/ml-1m-model: | install dataset/ml-1m
	$(BIN)/recbole-iacn train --model=DIN_IaCN --dataset=ml-1m --data_path=dataset --bundle=$@ --show_progress=False \
	    --load_col="{'inter': ['user_id', 'item_id', 'timestamp'], 'item': ['item_id', 'genres']}" \
	    --iacn_item_features="['genres']" --protocol=leave_one_out_ctr --user_inter_num_interval='[20,100]' \
	    --MAX_ITEM_LIST_LENGTH=50 --embedding_size=16 --mlp_hidden_size='[80,40]' \
	    --train_batch_size=2048 --eval_batch_size=8192 --epochs=4

test: install
	$(BIN)/python -m pytest -n $(JOBS) --dist loadscope

test-fast: install
	$(BIN)/python -m pytest -m 'not slow' -n $(JOBS) --dist loadscope

test-onnx: install
	$(BIN)/python -m pytest -m graphs -n $(JOBS)

test-ray: $(RAY_VENV)/installed
	$(RAY_VENV)/bin/python -m pytest -m ray

faults: install
	cd tests && PYTHONPATH=.. ../$(BIN)/python -m faults --jobs $(JOBS) $(FAULTS)

lint: install
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# In environments of its own, so it needs none here.
release:
	$(PYTHON) tools/release.py $(RELEASE)

docs: install
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

results: install $(AMAZON:%=dataset/%) dataset/kuairand dataset/ml-1m
	$(call run,table1 tuned honest_tuned full_ranking full_ranking_positions last_weights hard_negatives,$(AMAZON))
	$(call run,remi_interests,Sports_and_Outdoors)
	$(call run,honest_controls tried delta length lambda interests target multi_interest multi_interest_rates sasrec_positions floors positions timirec_variants timirec_softmax collapse,Beauty)
	$(call run,tisasrec tisasrec_positions,ml-100k)
	$(call run,impressions impressions_fields impressions_history honest_impressions,kuairand)
	$(call run,growth timirec_movielens movielens_interests movielens_candidates tisasrec_control full_ranking_movielens,ml-1m)
	$(call run,interests_by_length,ml-1m kuairand)

# $(call run,experiments,datasets)
define run
for name in $(1); do \
    $(BIN)/recbole-iacn experiment experiments/$$name.yaml --datasets $(2) --jobs $(JOBS) && \
    $(BIN)/recbole-iacn report results/$$name --pictures || exit 1; \
done
endef

dataset/kuairand dataset/ml-1m:
	$(SHARED)/tools/unpack.sh dataset $(notdir $@)

dataset/%: | install
	$(BIN)/recbole-iacn prepare sequences --name $* --sequences $(SHARED)/data/$*.txt --attributes $(SHARED)/data/$*_item2attributes.json

install: $(VENV)/installed

$(VENV)/installed: setup.py recbole_iacn/version.py pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[test]'
	touch $@

# RecBole pins an old Ray. A current one lies in an environment of its own, before the packages of the other, which a .pth file adds:
# installing PyTorch and the rest once more would take minutes. pip reports the conflict.
$(RAY_VENV)/installed: $(VENV)/installed constraints-ray.txt
	$(PYTHON) -m venv $(RAY_VENV)
	echo "import site; site.addsitedir('$$(echo $(abspath $(VENV))/lib/python*/site-packages)')" \
	    > $$(echo $(RAY_VENV)/lib/python*/site-packages)/tested.pth
	$(RAY_VENV)/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints-ray.txt --upgrade 'ray[tune]'
	touch $@
