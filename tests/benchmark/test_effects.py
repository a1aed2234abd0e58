from made_up_records import made_up_ablation, made_up_record, made_up_speech, outcomes_of_weight

from benchmark.effects import effects_of
from benchmark.rows import group_rows


def test_every_weight_is_held_against_none():
    records = made_up_ablation(seeds=(1, 2, 3))
    effects = effects_of(group_rows(records))
    assert len(effects) == 3 * 2 * 2  # models, KL weights, auxiliary weights but 0
    for effect in effects:
        first, weight = effect.row.ends("kl_weight")[0], effect.row.ends("aux_weight")[1]
        with_cost = outcomes_of_weight(records, effect.row.model, first, weight)
        without = outcomes_of_weight(records, effect.row.model, first, 0.0)
        for metric in ("elbo_nats_per_seq", "kl_nats_per_seq"):
            assert effect.differences(metric) == {
                seed: with_cost[seed][metric] - without[seed][metric] for seed in (1, 2, 3)
            }


def test_seeds_that_only_one_of_two_rows_has_are_left_out():
    records = made_up_ablation(seeds=(1, 2, 3), models=("ZForcing",))
    plain = [record for record in records if not record["weights"]["last"]["aux_weight"]]
    kept = [record for record in records if record not in plain or record["seed"] == 2]
    assert [list(effect.differences("kl_nats_per_seq")) for effect in effects_of(group_rows(kept))] == [[2]] * 4
    assert effects_of(group_rows(record for record in records if record not in plain)) == []


def test_a_speech_table_shows_the_effects_that_its_rows_have():
    effects = list(effects_of(group_rows(made_up_speech(seeds=(1, 2)))))
    assert [(effect.row.label, effect.plain.label) for effect in effects if effect.row.model == "ZForcing"] == [
        ("Z-Forcing + aux", "Z-Forcing"),
        ("Z-Forcing + kla, aux", "Z-Forcing + kla"),
    ]
    assert effects_of(group_rows([made_up_record()])) == []


def test_effects_are_paired_by_seed():
    plain = [made_up_record(seed=seed) for seed in (1, 2, 3)]
    helped = [made_up_record("Z-Forcing + aux", seed, aux_weight=0.0025) for seed in (2, 3, 4)]
    (effect,) = effects_of(group_rows([*plain, *helped]))

    def value(record):
        return record["results"]["test"]["utterance"]["elbo_nats_per_seq"]

    pairs = {2: (value(plain[1]), value(helped[0])), 3: (value(plain[2]), value(helped[1]))}
    assert effect.pairs("elbo_nats_per_seq") == pairs
    assert effect.seeds == [2, 3]
