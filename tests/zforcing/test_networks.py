import pytest
import torch
from torch import nn

from zforcing.checks import ConfigurationError
from zforcing.networks import LayerNorm, LReLU, SplitFirstLayer, WordDropout, lstm_step, mlp
from zforcing.transition import LatentAsInput, LatentAsNorm


def test_lrelu_by_hand():
    x = torch.tensor([-30.0, -3.0, 0.0, 2.0, 30.0])
    torch.testing.assert_close(LReLU()(x), torch.tensor([-3.0, -1.0, 0.0, 2.0, 3.0]))


def test_lstm_step_is_torchs():
    cell = nn.LSTMCell(4, 3).double()
    x, h, c = (torch.randn(5, size, dtype=torch.float64) for size in (4, 3, 3))
    gates = x @ cell.weight_ih.t() + cell.bias_ih + h @ cell.weight_hh.t() + cell.bias_hh
    for ours, theirs in zip(lstm_step(gates, c), cell(x, (h, c)), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-12, atol=1e-12)


def test_layer_norm_has_unbiased_variance():
    norm, x = LayerNorm(6).double(), torch.randn(4, 6, dtype=torch.float64)
    with torch.no_grad():
        norm.gain.normal_()
        norm.bias.normal_()
    variance = ((x - x.mean(1, keepdim=True)) ** 2).sum(1, keepdim=True) / 5
    expected = (x - x.mean(1, keepdim=True)) / (variance + 1e-5).sqrt() * norm.gain + norm.bias
    torch.testing.assert_close(norm(x), expected, rtol=1e-12, atol=1e-12)


def test_the_split_first_layer_is_the_joined_network():
    network = mlp(5, 4, 3).double()
    x, context = torch.randn(7, 2, dtype=torch.float64), torch.randn(7, 3, dtype=torch.float64)
    split = SplitFirstLayer(network, 2)
    torch.testing.assert_close(
        split(x, split.context(context)), network(torch.cat((x, context), 1)), rtol=1e-12, atol=0
    )


def random_cell(kind):
    cell = kind(embedding_size=3, latent_size=2, mlp_size=4, hidden_size=5).double()
    with torch.no_grad():
        for parameter in cell.parameters():
            parameter.normal_(0, 0.5)
    e, z, h, c = (torch.randn(6, size, dtype=torch.float64) for size in (3, 2, 5, 5))
    return cell, e, z, (h, c)


def test_the_folded_generator_is_exact():
    cell, e, z, state = random_cell(LatentAsInput)
    gates = torch.cat((cell.generator(z), e), 1) @ cell.weight_ih + cell.bias_ih
    expected = lstm_step(gates + state[0] @ cell.weight_hh + cell.bias_hh, state[1])
    torch.testing.assert_close(
        cell.prepare().advance(state, z, cell.prepare().entering(e)), expected, rtol=1e-12, atol=1e-12
    )


def test_cond_ln_by_its_equation():
    cell, e, z, state = random_cell(LatentAsNorm)

    def norm(x, gain, bias):
        return (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True) + 1e-5).sqrt() * gain + bias

    gain, bias = cell.generator(z).clamp(-3, 3).chunk(2, 1)
    gates = norm(e @ cell.weight_ih, cell.input_norm.gain, cell.input_norm.bias)
    gates = gates + norm(state[0] @ cell.weight_hh, 1 + gain, bias)
    torch.testing.assert_close(
        cell.prepare().advance(state, z, cell.prepare().entering(e)), lstm_step(gates, state[1]), rtol=1e-12, atol=0
    )


def test_initialisation():
    cell = LatentAsInput(embedding_size=3, latent_size=2, mlp_size=4, hidden_size=25)
    assert cell.weight_ih.abs().max() <= 0.2
    assert cell.weight_ih.std() > 0.1
    torch.testing.assert_close(cell.weight_hh @ cell.weight_hh.t(), torch.eye(25), atol=1e-5, rtol=0)
    assert cell.bias_ih.abs().sum() == cell.bias_hh.abs().sum() == 0


def test_word_dropout_in_training():
    words = torch.randint(100, (200, 100))
    dropped = WordDropout(0.4, unknown=2)(words)
    changed = dropped != words
    assert (dropped[changed] == 2).all()
    assert (dropped[words == 0] == 0).all()
    candidates = (words != 0) & (words != 2)
    assert changed[candidates].double().mean() == pytest.approx(0.4, abs=0.015)  # 4 standard deviations


def test_word_dropout_is_off_at_evaluation_and_leaves_its_input_alone():
    words = torch.randint(100, (20, 10))
    kept = words.clone()
    dropout = WordDropout(1.0, unknown=2)
    assert torch.equal(dropout.eval()(words), kept)
    assert torch.equal(dropout.train()(words), torch.where(kept == 0, 0, 2))
    assert torch.equal(words, kept)


def test_word_dropout_follows_the_global_generator():
    words, dropout = torch.randint(100, (20, 10)), WordDropout(0.5, unknown=2)
    torch.manual_seed(3)
    first, second = dropout(words), dropout(words)
    torch.manual_seed(3)
    assert torch.equal(dropout(words), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("wrong", [{"probability": 1.1}, {"probability": -0.1}, {"probability": "0.1"}, {"unknown": 0}])
def test_word_dropout_refuses_what_it_cannot_use(wrong):
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        WordDropout(**{"probability": 0.5, "unknown": 2, **wrong})
