"""The port against a second implementation: the released algorithm's equations written out step by step.

It is built on nothing but a checkpoint's tensors, shares no code with the package, and keeps the names of the
released code.
"""

import math

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from zforcing import Batch
from zforcing.reference import ReferenceCheckpointError, load_reference_checkpoint, reference_state_dict

D, E, H, Z, M = 4, 5, 6, 3, 7


def make_checkpoint(out_type="gaussian", cond_ln=False, z_force=False, use_l2=False, nlayers=1, bias_rows=False):
    """A checkpoint with random weights, in the form that the released code saves."""
    out_dim = 2 * D if out_type == "gaussian" else D
    shapes = {}

    def linear(name, inputs, outputs):
        shapes[f"{name}.weight"], shapes[f"{name}.bias"] = (outputs, inputs), (outputs,)

    linear("emb_mod.0", D, E)
    if out_type == "softmax":
        shapes["emb_mod.0.weight"] = (D, E)
        del shapes["emb_mod.0.bias"]
    for layer in range(nlayers):
        shapes[f"bwd_mod.weight_ih_l{layer}"] = (4 * H, H if layer else E)
        shapes[f"bwd_mod.weight_hh_l{layer}"] = (4 * H, H)
        shapes[f"bwd_mod.bias_ih_l{layer}"] = shapes[f"bwd_mod.bias_hh_l{layer}"] = (4 * H,)
    shapes["fwd_mod.weight_ih"] = (E if cond_ln else E + M, 4 * H)
    shapes["fwd_mod.weight_hh"] = (H, 4 * H)
    if cond_ln:
        for norm in ("ln_ih", "ln_hh"):
            shapes[f"fwd_mod.{norm}.gain"] = shapes[f"fwd_mod.{norm}.bias"] = (1, 4 * H)
        linear("gen_mod.0", Z, M)
        linear("gen_mod.2", M, 8 * H)
    else:
        shapes["fwd_mod.bias_ih"] = shapes["fwd_mod.bias_hh"] = (1, 4 * H) if bias_rows else (4 * H,)
        linear("gen_mod", Z, M)
    for name, inputs, outputs in (("pri", H, 2 * Z), ("inf", 2 * H, 2 * Z), ("aux", H + Z, 2 * H)):
        linear(f"{name}_mod.0", inputs, M)
        linear(f"{name}_mod.2", M, outputs)
    linear("fwd_out_mod", H, out_dim)
    linear("bwd_out_mod", H, out_dim)
    return {
        "emb_dim": E,
        "rnn_dim": H,
        "inp_dim": D,
        "nlayers": nlayers,
        "mlp_dim": M,
        "out_dim": out_dim,
        "out_type": out_type,
        "cond_ln": cond_ln,
        "z_force": z_force,
        "use_l2": use_l2,
        "z_dim": Z,
        "dropout": 0.0,
        "drop_grad": False,
        "state_dict": {name: 0.7 * torch.randn(shape, dtype=torch.float64) for name, shape in shapes.items()},
    }


def released_algorithm(checkpoint, x, y, mask, eps):
    """Terms of the released code, (T, B), from leaf tensors with gradients."""
    w = {name: value.clone().requires_grad_() for name, value in checkpoint["state_dict"].items()}
    steps = len(x)

    def net(name, v):
        hidden = F.leaky_relu(F.linear(v, w[f"{name}.0.weight"], w[f"{name}.0.bias"]), 1 / 3).clamp(-3, 3)
        return F.linear(hidden, w[f"{name}.2.weight"], w[f"{name}.2.bias"])

    def embed(v):
        if checkpoint["out_type"] == "softmax":
            return w["emb_mod.0.weight"][v]
        return F.linear(v, w["emb_mod.0.weight"], w["emb_mod.0.bias"])

    def density(v, mean, log_variance):
        squared = (v - mean) ** 2 / (2 * log_variance.exp())
        return (-0.5 * math.log(2 * math.pi) - log_variance / 2 - squared).sum(-1)

    def score(parameters, v):
        if checkpoint["out_type"] == "softmax":
            return F.log_softmax(parameters, -1).gather(-1, v[..., None]).squeeze(-1)
        return density(v, *parameters.chunk(2, -1))

    def norm(v, gain, bias):
        return (v - v.mean(-1, keepdim=True)) / (v.var(-1, keepdim=True) + 1e-5).sqrt() * gain + bias

    backward = nn.LSTM(E, H, checkpoint["nlayers"]).double()
    flat = {name: w[f"bwd_mod.{name}"] for name, _ in backward.named_parameters()}
    read = embed(torch.cat([y.flip(0), x[:1]]))
    states = torch.func.functional_call(backward, flat, (read,))[0][:-1].flip(0)
    embedded = embed(x)
    h = c = torch.zeros(x.shape[1], H, dtype=torch.float64)
    terms = {"log_px": [], "kl": [], "aux_nll": [], "log_pz": [], "log_qz": [], "z": []}
    for t in range(steps):
        pm, pl = net("pri_mod", h).clamp(-8, 8).chunk(2, 1)
        qm, ql = net("inf_mod", torch.cat((h, states[t]), 1)).clamp(-8, 8).chunk(2, 1)
        z = (ql / 2).exp() * eps[t] + qm
        am, al = net("aux_mod", torch.cat((h * 0 if checkpoint["z_force"] else h, z), 1)).clamp(-8, 8).chunk(2, 1)
        b = states[t].detach()
        aux = ((b - am.tanh()) ** 2).sum(1) if checkpoint["use_l2"] else -density(b, am.tanh(), al)
        kl = 0.5 * (pl - ql + ql.exp() / pl.exp() + (qm - pm) ** 2 / pl.exp() - 1).sum(1)
        terms["kl"].append(kl)
        terms["aux_nll"].append(aux)
        terms["log_pz"].append(density(z, pm, pl))
        terms["log_qz"].append(density(z, qm, ql))
        terms["z"].append(z)
        if checkpoint["cond_ln"]:
            gain, bias = net("gen_mod", z).clamp(-3, 3).chunk(2, 1)
            gates = norm(embedded[t] @ w["fwd_mod.weight_ih"], w["fwd_mod.ln_ih.gain"], w["fwd_mod.ln_ih.bias"])
            gates = gates + norm(h @ w["fwd_mod.weight_hh"], 1 + gain, bias)
        else:
            generated = F.linear(z, w["gen_mod.weight"], w["gen_mod.bias"])
            gates = torch.cat((generated, embedded[t]), 1) @ w["fwd_mod.weight_ih"] + w["fwd_mod.bias_ih"]
            gates = gates + h @ w["fwd_mod.weight_hh"] + w["fwd_mod.bias_hh"]
        i, f, g, o = gates.chunk(4, 1)
        c = f.sigmoid() * c + i.sigmoid() * g.tanh()
        h = o.sigmoid() * c.tanh()
        terms["log_px"].append(score(F.linear(h, w["fwd_out_mod.weight"], w["fwd_out_mod.bias"]), y[t]))
    result = {name: torch.stack(values) for name, values in terms.items()}
    reconstruction = F.linear(states, w["bwd_out_mod.weight"], w["bwd_out_mod.bias"])
    result["backward_nll"] = -score(reconstruction, x)
    return {name: value if name == "z" else value * mask for name, value in result.items()}, w


def objective(terms):
    weighted = -terms["log_px"] + 0.7 * terms["kl"] + 0.3 * terms["aux_nll"] + 0.2 * terms["backward_nll"]
    return weighted.sum(0).mean()


VARIANTS = {
    "plain": {},
    "bias_rows": {"bias_rows": True},
    "z_force": {"z_force": True},
    "l2": {"use_l2": True},
    "deep": {"nlayers": 2},
    "cond_ln": {"cond_ln": True},
    "softmax": {"out_type": "softmax"},
    "softmax_cond_ln_force_l2": {"out_type": "softmax", "cond_ln": True, "z_force": True, "use_l2": True},
}


@pytest.mark.parametrize("new_format", [True, False], ids=["zip", "old"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_terms_gradients_and_round_trip(variant, new_format, tmp_path):
    checkpoint = make_checkpoint(**VARIANTS[variant])
    torch.save(checkpoint, tmp_path / "model.pt", _use_new_zipfile_serialization=new_format)
    model = load_reference_checkpoint(tmp_path / "model.pt")

    named = reference_state_dict(model)
    assert set(named) == set(checkpoint["state_dict"])
    assert all(torch.equal(named[name], value) for name, value in checkpoint["state_dict"].items())

    if checkpoint["out_type"] == "softmax":
        x, y = torch.randint(D, (2, 8, 4))
    else:
        x, y = torch.randn(2, 8, 4, D, dtype=torch.float64)
    mask = (torch.arange(8)[:, None] < torch.tensor([8, 5, 1, 0])).double()
    eps = torch.randn(8, 4, Z, dtype=torch.float64)
    expected, weights = released_algorithm(checkpoint, x, y, mask, eps)
    terms = model(Batch(x, y, mask), eps)
    found = {name: getattr(terms, name) for name in expected}
    for name, value in expected.items():
        torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-10)

    objective(found).backward()
    objective(expected).backward()
    for name, weight in weights.items():
        if weight.grad is None:  # the recurrent normalisation's own gain and bias are never read
            assert named[name].grad is None
        else:
            torch.testing.assert_close(named[name].grad, weight.grad, rtol=1e-8, atol=1e-10)


def test_single_precision_stays_single(tmp_path):
    checkpoint = make_checkpoint()
    checkpoint["state_dict"] = {name: value.float() for name, value in checkpoint["state_dict"].items()}
    torch.save(checkpoint, tmp_path / "model.pt")
    assert {p.dtype for p in load_reference_checkpoint(tmp_path / "model.pt").parameters()} == {torch.float32}


def without(name):
    return lambda c: c.pop(name)


BROKEN = {
    "missing setting": (without("z_dim"), "z_dim"),
    "missing weights": (lambda c: c["state_dict"].pop("pri_mod.0.weight"), "missing: pri_mod.0.weight"),
    "surplus weights": (lambda c: c["state_dict"].update(extra=torch.zeros(1)), "not expected: extra"),
    "wrong shape": (lambda c: c.update(rnn_dim=H + 1), "has the shape"),
    "unknown head": (lambda c: c.update(out_type="poisson"), "'gaussian' or 'softmax'"),
    "contradicting sizes": (lambda c: c.update(out_dim=3), "does not fit inp_dim"),
    "drop_grad": (lambda c: c.update(drop_grad=True), "drop_grad"),
    "quoted size": (lambda c: c.update(emb_dim="7"), "make no model"),
    "no layers": (lambda c: c.update(nlayers=0), "make no model"),
    "no dropout": (lambda c: c.update(dropout=None), "make no model"),
    "too much dropout": (lambda c: c.update(dropout=2.0), "make no model"),
    "a list for the head": (lambda c: c.update(out_type=["x"]), "'gaussian' or 'softmax'"),
    "nothing for a size": (lambda c: c.update(inp_dim=None), "make no model"),
    "whole numbers": (
        lambda c: c["state_dict"].update({"emb_mod.0.bias": torch.zeros(E).long()}),
        "named real tensors",
    ),
    "numbered weights": (lambda c: c["state_dict"].update({3: torch.zeros(1)}), "named real tensors"),
    "no state_dict": (without("state_dict"), "holds no state_dict"),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_checkpoint_is_one_sentence(fault, tmp_path):
    checkpoint = make_checkpoint()
    breaks, message = BROKEN[fault]
    breaks(checkpoint)
    torch.save(checkpoint, tmp_path / "model.pt")
    with pytest.raises(ReferenceCheckpointError, match=message):
        load_reference_checkpoint(tmp_path / "model.pt")


def test_files_that_are_no_checkpoints(tmp_path):
    with pytest.raises(ReferenceCheckpointError, match="no such file"):
        load_reference_checkpoint(tmp_path / "absent.pt")
    torch.save(make_checkpoint(), tmp_path / "model.pt")
    content = (tmp_path / "model.pt").read_bytes()
    for damage in (content[: len(content) // 2], b"", b"not a checkpoint"):
        (tmp_path / "model.pt").write_bytes(damage)
        with pytest.raises(ReferenceCheckpointError, match="damaged"):
            load_reference_checkpoint(tmp_path / "model.pt")


class Hostile:
    def __reduce__(self):
        return (print, ("code ran",))


def test_a_checkpoint_cannot_run_code(tmp_path, capsys):
    torch.save(make_checkpoint() | {"dropout": Hostile()}, tmp_path / "model.pt")
    with pytest.raises(ReferenceCheckpointError):
        load_reference_checkpoint(tmp_path / "model.pt")
    assert "code ran" not in capsys.readouterr().out
