# make run    sets up, then reads the demonstration records: table, results/submission.csv, results/findings.json
# make test   sets up, then lint and all tests but the slow ones, two tests at a time (JOBS=1: one after another; real-data tests
#             where ECG_DATA names unpacked recordings); then the core's with torch and the site blocked
# make test-slow  the tests that take minutes, or measure by the clock, one after another
# make web    sets up, then starts the site on http://127.0.0.1:5000 (ARGS=... for webapp/main.py)
# make train  sets up, then trains on ECG_DATA/aiijc or data/aiijc into runs/mi and prints every figure
# make figures    prints the shipped bundle's figures again from its out-of-fold probabilities and the labels in data/aiijc
# make report     the same with charts and the worst errors, into results/report.html
# make evidence   is the evidence true to the detector? (minutes)
# make quality    what the quality checks catch, and what faults do to the answer (ten minutes)
# make bench      speeds, profile, scaling, and the site under load, into benchmarks/results (half an hour)
# make elsewhere   what the detector makes of other hospitals' machines (ECG_DATA or data: docs/datasets.md); every false alarm
# make trees       what each choice about the trees is worth (ten minutes)
# make waves       trains the delineator on LUDB into runs/waves (six minutes)
# make delineation its errors against LUDB's hand-drawn waves, beside NeuroKit2's (set up in an environment of its own)
# make beats-found how well beats are found, beside sleepecg (set up in an environment of its own) and wfdb's xqrs (minutes)
# make beats       every shipped model of heartbeats on recordings that taught nothing, into results/output.csv; the tables
#             of the protocol
# make rr          every figure of the detector of anomalies in RR intervals: nested folds, studies kept aside, baselines, the worst
#             studies, with pictures in results/rr
# make rr-train    trains it and scores it by nested folds into runs/rr (a quarter of an hour)
# make ppg         pulse waves: every figure of the shipped classifier by patient, its speed, and NumPy's features beside aeon's
#             (set up in an environment of its own)
# make ppg-train   trains it there into runs/ppg, by nested folds (some ten minutes)
# make export     writes the bundle's networks as an ONNX graph (BUNDLE=checkpoints/mi/hybrid)
# make stream     sets up, then runs the live pipeline on this machine with simulated patients until Ctrl-C:
#             http://127.0.0.1:5001/live (ARGS=... for python -m scale.stream demo)
# make track      sets up what `--track` of a training needs
# make scale      sets up what scale/ needs
# make reproduce  from the unpacked recordings to the whole report: trains into runs/mi, then reports on it

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BUNDLE ?= checkpoints/mi/hybrid
JOBS ?= 2
BIN := $(VENV)/bin
SIDE_BY_SIDE := -n $(JOBS) --dist loadfile --no-loadscope-reorder

.PHONY: run web test test-slow lint train figures report evidence quality reproduce ablations bench export scale clean
.PHONY: elsewhere trees waves delineation beats beats-found track rr rr-train ppg ppg-train stream

run: $(VENV)/.run
	$(BIN)/python inference.py public_data

web: $(VENV)/.run
	$(BIN)/python webapp/main.py $(ARGS)

test: lint
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) --ignore tests/cardiac
	$(BIN)/python -m pytest $(SIDE_BY_SIDE) -p tests.no_torch tests/cardiac

test-slow: $(VENV)/.test
	$(BIN)/python -m pytest -m slow

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

train: $(VENV)/.run
	$(BIN)/python train.py --jobs 2 $(ARGS)

figures: $(VENV)/.run
	$(BIN)/python -m tasks.mi.evaluate
	$(BIN)/python -m benchmarks.simulated

report: $(VENV)/.run
	$(BIN)/python -m tasks.mi.evaluate --html results/report.html $(ARGS)

evidence: $(VENV)/.run
	$(BIN)/python -m benchmarks.evidence $(ARGS)

elsewhere: $(VENV)/.run
	$(BIN)/python -m benchmarks.elsewhere --alarms $(ARGS)

trees: $(VENV)/.run
	$(BIN)/python -m benchmarks.trees $(ARGS)

waves: $(VENV)/.run
	$(BIN)/python -m tasks.waves.train --jobs 2 $(ARGS)

delineation: $(VENV)/.run $(VENV)/.delineation
	$(VENV)/delineation/bin/python -m benchmarks.delineation neurokit --out results/neurokit_dwt.npz
	$(BIN)/python -m benchmarks.delineation --beside results/neurokit_dwt.npz

beats-found: $(VENV)/.run $(VENV)/.beats
	$(VENV)/beats/bin/python -m tasks.beats.found sleepecg --out results/sleepecg.npz
	$(BIN)/python -m tasks.beats.found --beside results/sleepecg.npz

beats: $(VENV)/.run
	$(BIN)/python -m tasks.beats.scoreboard $(ARGS)
	$(BIN)/python -m tasks.beats.evaluate --ds2

rr: $(VENV)/.run
	$(BIN)/python -m tasks.rr.evaluate --plots results/rr $(ARGS)
	$(BIN)/python -m tasks.rr.evaluate --aside

rr-train: $(VENV)/.export
	$(BIN)/python -m tasks.rr.train --out runs/rr --jobs 2 $(ARGS)

ppg: $(VENV)/.run $(VENV)/.ppg
	$(BIN)/python -m tasks.ppg.evaluate $(ARGS)
	$(BIN)/python -m tasks.ppg.live
	$(BIN)/python -m tasks.ppg.speed
	$(VENV)/ppg/bin/python -m tasks.ppg.aeon_kernels

ppg-train: $(VENV)/.ppg
	$(VENV)/ppg/bin/python -m tasks.ppg.train --out runs/ppg $(ARGS)

track: $(VENV)/.track

quality: $(VENV)/.run
	$(BIN)/python -m benchmarks.quality
	$(BIN)/python -m benchmarks.robustness

reproduce: $(VENV)/.run
	$(BIN)/python train.py --jobs 2 --out runs/mi
	$(MAKE) export BUNDLE=runs/mi
	$(BIN)/python -m tasks.mi.evaluate --bundle runs/mi --html results/report.html
	$(BIN)/python -m benchmarks.simulated --bundle runs/mi
	$(BIN)/python -m benchmarks.evidence --bundle runs/mi

ablations: $(VENV)/.run
	$(BIN)/python -m benchmarks.ablations run --jobs 2

bench: $(VENV)/.bench
	-$(BIN)/python -m benchmarks.inference --large
	$(BIN)/python -m benchmarks.profile
	$(BIN)/python -m benchmarks.scale
	$(BIN)/python -m benchmarks.site --large

export: $(VENV)/.export
	$(BIN)/python export.py --bundle $(BUNDLE)

scale: $(VENV)/.scale

stream: $(VENV)/.stream
	$(BIN)/python -m scale.stream demo $(ARGS)

$(VENV)/.run: requirements.txt
	$(PYTHON) -c "import sys; assert sys.version_info >= (3, 11), 'Python 3.11 or newer is needed: make PYTHON=...'"
	@echo "Setting up $(VENV), once: downloads some 350 MB, of which torch is 190, and takes 1.6 GB on the disk; silent for two minutes"
	@echo "or so. Where torch comes with CUDA it is several gigabytes: TORCH_INDEX=URL of an index without it spares them."
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) \
		"$$(grep -o '^torch==[0-9.]*' requirements.txt)"
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.scale: $(VENV)/.run requirements-scale.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-scale.txt
	touch $@

$(VENV)/.track: $(VENV)/.run requirements-track.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-track.txt
	touch $@

$(VENV)/.export: $(VENV)/.run requirements-export.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-export.txt
	touch $@

$(VENV)/.delineation: $(VENV)/.run requirements-delineation.txt
	$(PYTHON) -m venv $(VENV)/delineation
	$(VENV)/delineation/bin/pip install --quiet --disable-pip-version-check -r requirements-delineation.txt
	touch $@

$(VENV)/.ppg: $(VENV)/.run tasks/ppg/requirements.txt
	$(PYTHON) -m venv $(VENV)/ppg
	$(VENV)/ppg/bin/pip install --quiet --disable-pip-version-check -r tasks/ppg/requirements.txt
	touch $@

$(VENV)/.beats: $(VENV)/.run requirements-beats.txt
	$(PYTHON) -m venv $(VENV)/beats
	$(VENV)/beats/bin/pip install --quiet --disable-pip-version-check -r requirements-beats.txt
	touch $@

$(VENV)/.bench: $(VENV)/.scale requirements-bench.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-bench.txt
	touch $@

$(VENV)/.stream: $(VENV)/.run requirements-stream.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-stream.txt
	touch $@

$(VENV)/.test: $(VENV)/.scale $(VENV)/.stream requirements-test.txt
	$(BIN)/pip install --quiet --disable-pip-version-check -r requirements-test.txt
	touch $@

clean:
	rm -rf $(VENV) results runs
