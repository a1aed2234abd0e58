import math

import pytest

from benchmark.timing import PATIENCE, WARM_UP, Reading, Repetition, read_clocks, summarise, time_interleaved


class Machine:
    """Two cores with clocks of their own.

    Args:
        foreign: the share of the CPU that other processes take during each repetition that counts, in order, then 0.
    """

    def __init__(self, foreign=()):
        self.now = self.own = self.everyone = 0.0
        self.called = []
        self.foreign = iter(foreign)
        self.reads = 0

    def command(self, name, *seconds):
        """Takes each of the times in turn, the last one from then on."""
        left = list(seconds)

        def run():
            taken = left.pop(0) if len(left) > 1 else left[0]
            self.called.append(name)
            self.now += taken
            self.own += taken
            self.everyone += taken

        return run

    def read(self):
        """Others work just before the second reading of a repetition."""
        self.reads += 1
        return Reading(self.now, self.own, self.everyone, 2)

    def disturbed_read(self, commands):
        """Like `read`, with what others took; `commands` repetitions of warming up come first."""

        def read():
            before_repetition = self.reads % 2 == 0
            if before_repetition:
                self.start = self.now
            elif self.reads // 2 >= commands:
                self.everyone += next(self.foreign, 0.0) * 2 * (self.now - self.start)
            return self.read()

        return read


def test_commands_take_turns_after_warming_up():
    machine = Machine()
    commands = {name: machine.command(name, 1.0) for name in "ab"}
    time_interleaved(commands, repetitions=3, read=machine.read)
    assert machine.called == ["a"] * WARM_UP + ["b"] * WARM_UP + ["a", "b"] * 3


def test_the_median_and_the_extremes_leave_warming_up_aside():
    machine = Machine()
    commands = {"a": machine.command("a", 90.0, 80.0, 70.0, 5.0, 1.0, 2.0, 9.0, 4.0)}
    timing = time_interleaved(commands, repetitions=5, read=machine.read)["a"]
    assert (timing.median_s, timing.min_s, timing.max_s) == (4.0, 1.0, 9.0)
    assert (timing.repetitions, timing.clean) == (5, True)


def test_short_commands_are_called_often_in_a_repetition():
    machine = Machine()
    commands = {"short": machine.command("short", 0.0625), "long": machine.command("long", 2.0)}
    times = time_interleaved(commands, repetitions=1, read=machine.read)
    assert machine.called[2 * WARM_UP :] == ["short"] * 8 + ["long"]
    assert times["short"].median_s == 0.0625


def test_disturbed_repetitions_are_thrown_away_and_repeated():
    machine = Machine(foreign=[0.0, 0.5, 0.03, 0.05])  # of a, b, a, b, and so on
    commands = {"a": machine.command("a", 1.0), "b": machine.command("b", 1.0, 1.0, 1.0, 7.0, 8.0, 2.0)}
    times = time_interleaved(commands, repetitions=2, read=machine.disturbed_read(2))
    assert times["a"].repetitions == 4
    assert machine.called[2 * WARM_UP :] == ["a", "b"] * 4
    assert (times["b"].min_s, times["b"].max_s, times["b"].repetitions, times["b"].clean) == (2.0, 2.0, 2, True)


def test_a_machine_that_is_never_quiet_is_said_to_be_so():
    machine = Machine(foreign=[0.5, 0.4, 0.3] + [0.6] * 99)
    commands = {"a": machine.command("a", 1.0, 1.0, 1.0, 2.0, 3.0, 4.0, 5.0)}
    timing = time_interleaved(commands, repetitions=2, read=machine.disturbed_read(1))["a"]
    assert len(machine.called) == WARM_UP + 2 * PATIENCE
    assert (timing.min_s, timing.max_s, timing.repetitions, timing.clean) == (3.0, 4.0, 2, False)


def test_without_a_count_of_others_nothing_is_called_clean():
    timing = summarise([Repetition(1.0, math.nan), Repetition(2.0, math.nan)], 2)
    assert (timing.median_s, timing.repetitions, timing.clean) == (1.5, 2, False)


def test_the_device_is_waited_for_around_every_repetition():
    machine, events = Machine(), []
    command = machine.command("a", 1.0)

    def read():
        events.append("read")
        return machine.read()

    time_interleaved({"a": command}, 1, synchronise=lambda: events.append("wait"), read=read)
    assert events == ["wait", "read", "wait", "read"] * 2  # the last call of warming up is timed, too


def test_a_stop_is_heard_between_repetitions():
    machine = Machine()

    def stop():
        if len(machine.called) > WARM_UP:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        time_interleaved({"a": machine.command("a", 1.0)}, 5, check_stop=stop, read=machine.read)
    assert len(machine.called) == WARM_UP + 1


def test_the_clocks_of_this_machine_go_forward():
    before = read_clocks()
    sum(range(10**6))
    after = read_clocks()
    assert after.wall > before.wall
    assert after.own > before.own
    assert math.isnan(after.everyone) or after.everyone >= before.everyone
    assert after.cores >= 1
