"""Training: updates, validation, checkpoints, and going on where an interrupted run was."""

from __future__ import annotations

import copy
import math
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, ReduceLROnPlateau
from tqdm import tqdm

from benchmark.checkpoint import load_newest, save_checkpoint
from benchmark.data.batches import TrainingBatches
from benchmark.data.dataset import Dataset
from benchmark.errors import Interrupted, UserError
from benchmark.evaluation import Evaluation, selection_metric
from benchmark.feed import TrainingFeed
from benchmark.graph_update import build_update
from benchmark.metrics import MetricsLog
from benchmark.objective import Objective
from benchmark.streams import TrainingStreams
from benchmark.training import Progress, Training
from zforcing.interface import SequenceModel


class Trainer:
    """Trains a model on a data set.

    Args:
        model, dataset, objective, training, evaluation: the parts of the experiment.
        seed: of all random streams.
        check_stop: raises Interrupted once the user or the system wants the process to end.
        report: prints a line to the user.
    """

    def __init__(
        self,
        model: SequenceModel,
        dataset: Dataset,
        objective: Objective,
        training: Training,
        evaluation: Evaluation,
        seed: int,
        check_stop: Callable[[], None],
        report: Callable[[str], None],
    ) -> None:
        self.model = model
        self.dataset = dataset
        self.objective = objective
        self.training = training
        self.evaluation = evaluation
        self.seed = seed
        self.check_stop = check_stop
        self.report = report
        self.device = next(model.parameters()).device
        self.optimiser = training.optimiser(model.parameters())
        self.decay = build_decay(training, self.optimiser)
        self.streams = TrainingStreams(seed)
        self.batches = TrainingBatches(dataset.train, training.batch_size, self.streams.order, training.carry_state)
        self.feed = TrainingFeed(self.batches, self.streams, model.latent_size, self.device)
        self.make_update = build_update(model, objective, self.optimiser, training.gradient_clip, training.carry_state)
        self.progress = Progress()
        self.window: dict[str, float] = {}
        self.best: dict[str, Any] = {}
        self.folder: Path
        self.log: MetricsLog

    @property
    def updates(self) -> int:
        """How many updates the whole training has."""
        updates = self.training.epochs * self.batches.per_epoch
        return min(updates, self.training.max_updates or updates)

    def run(self, folder: Path) -> None:
        """Trains in `folder` to the end, or goes on from its newest checkpoint. The model then holds the best weights.

        Raises:
            Interrupted: `check_stop` did; everything is saved.
            UserError: too many steps were not finite, or no validation was.
        """
        self.folder = folder
        self._resume()
        progress = self.progress
        saved_at = started = time.monotonic()
        seconds_before = progress.seconds
        self.model.train()
        with self._bar() as bar:
            try:
                while True:
                    if self._validation_due():
                        self._validate(bar)
                        self._save()
                        saved_at = time.monotonic()
                    if progress.stopped_early or progress.update >= self.updates:
                        break
                    self._update(bar)
                    progress.seconds = seconds_before + time.monotonic() - started
                    if time.monotonic() - saved_at >= self.training.checkpoint_seconds:
                        self._save()
                        saved_at = time.monotonic()
                    self.check_stop()
            except Interrupted:
                self._save()
                raise
            finally:
                self.feed.close()
                self.log.close()
        if not self.best:
            raise UserError("training failed: no validation gave a finite bound; lower the learning rate")
        self.model.load_state_dict(self.best["weights"])

    def _bar(self) -> tqdm:
        quiet = not sys.stderr.isatty()
        return tqdm(
            total=self.updates,
            initial=self.progress.update,
            desc="training",
            unit="update",
            dynamic_ncols=True,
            mininterval=10 if quiet else 0.2,
            smoothing=0.05,
        )

    def _update(self, bar: tqdm) -> None:
        progress, feed = self.progress, self.feed.next()
        self.make_update(feed.batch, feed.noise_TBZ, feed.goes_on_B, progress.update)
        progress.update += 1
        bar.update()
        if progress.update % self.training.log_every == 0 or progress.update == self.updates:
            self._log_window(bar)

    def _count(self) -> None:
        """Takes in what the updates since the last time gave. Everything that is kept or shown is counted first."""
        outcomes = self.make_update.fetch()
        for update, outcome in enumerate(outcomes, self.progress.update - len(outcomes)):
            if outcome.skipped:
                self._skip(update)
                continue
            self.progress.skipped_in_a_row = 0
            for name, value in outcome.values.items():
                self.window[name] = self.window.get(name, 0.0) + value
            self.window["count"] = self.window.get("count", 0) + 1

    def _skip(self, update: int) -> None:
        progress, training = self.progress, self.training
        progress.skipped += 1
        progress.skipped_in_a_row += 1
        if progress.skipped > training.skip_limit or progress.skipped_in_a_row > training.skip_limit_in_a_row:
            raise UserError(
                f"training failed: {progress.skipped} steps had a non-finite loss or gradient, the last "
                f"{progress.skipped_in_a_row} in a row, up to update {update}; lower the learning rate or the "
                f"gradient clip, or raise Training.skip_limit and Training.skip_limit_in_a_row"
            )

    def _log_window(self, bar: tqdm) -> None:
        self._count()
        progress, count = self.progress, self.window.pop("count", 0)
        means = {name: total / count for name, total in self.window.items()} if count else {}
        self.window = {}
        weights = self.objective.weights(progress.update - 1)
        rate = self.optimiser.param_groups[0]["lr"]
        self.log.write(
            "train", progress.update, {**means, **weights, "learning_rate": rate, "skipped": progress.skipped}
        )
        shown = {name: f"{means[name]:.1f}" for name in ("loss", "log_px", "kl", "aux_nll") if name in means}
        bar.set_postfix(shown | ({"skipped": progress.skipped} if progress.skipped else {}), refresh=False)

    def _validation_due(self) -> bool:
        every = self.training.validate_every or self.batches.per_epoch
        update = self.progress.update
        return update != self.progress.validated and (update % every == 0 or update >= self.updates)

    def _validate(self, bar: tqdm) -> None:
        self._count()
        progress = self.progress
        metrics = self.evaluation(
            self.model, self.dataset, "valid", self.dataset.protocols[0], self.seed, self.check_stop
        )
        value = selection_metric(metrics)
        if math.isfinite(value) and value > self.best.get("value", -math.inf):
            weights = copy.deepcopy(self.model.state_dict())
            self.best = {"value": value, "update": progress.update, "weights": weights}
            progress.stale = 0
        else:
            progress.stale += 1
        # The untrained model is validated for comparison; it says nothing about a plateau.
        if self.decay and progress.update and math.isfinite(value):
            self.decay.step(*((value,) if isinstance(self.decay, ReduceLROnPlateau) else ()))
        progress.stopped_early = self.training.patience is not None and progress.stale >= self.training.patience
        progress.validated = progress.update
        progress.history.append({"update": progress.update, **metrics})
        self.log.write("validation", progress.update, metrics)
        unit = "ELBO" if self.model.has_latent else "log-likelihood"
        bar.write(f"update {progress.update}: validation {unit} {value:.1f} nats per sequence", file=sys.stderr)

    def _save(self) -> None:
        self._count()
        progress = self.progress
        state = {
            "progress": {**vars(progress)},
            "model": self.model.state_dict(),
            "best": self.best,
            "optimiser": self.optimiser.state_dict(),
            "decay": self.decay.state_dict() if self.decay else None,
            **self.feed.state_dict(),
            "state": self.make_update.state,
            "window": self.window,
            "log_size": self.log.sync(),
        }
        save_checkpoint(self.folder / "checkpoints", progress.update, state)

    def _resume(self) -> None:
        state = load_newest(self.folder / "checkpoints", self.report)
        if state is None:
            self.log = MetricsLog(self.folder)
            return
        vars(self.progress).update(state["progress"])
        self.model.load_state_dict(state["model"])
        self.best = state["best"]
        self.optimiser.load_state_dict(state["optimiser"])
        if self.decay:
            self.decay.load_state_dict(state["decay"])
        self.feed.load_state_dict(state)
        if state["state"] is not None:
            self.make_update.state = tuple(x.to(self.device) for x in state["state"])
        self.window = state["window"]
        self.log = MetricsLog(self.folder, self.progress.update, state["log_size"])
        if self.log.lost:
            self.report("metrics.jsonl is shorter than it was: the curves of the updates so far are lost")
        self.report(f"going on from update {self.progress.update} of {self.updates}")


def build_decay(training: Training, optimiser: Optimizer) -> LRScheduler | None:
    """The decay of the learning rate; one on a plateau sees the validation bound, of which more is better."""
    if training.decay is None:
        return None
    on_plateau = isinstance(training.decay, type) and issubclass(training.decay, ReduceLROnPlateau)
    return training.decay(optimiser, mode="max") if on_plateau else training.decay(optimiser)
