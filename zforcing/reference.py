"""Reads checkpoints of the code that the paper released, and gives their names back."""

from __future__ import annotations

from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from zforcing.heads import CategoricalHead, GaussianHead, Head
from zforcing.transition import LatentAsNorm
from zforcing.z_forcing import ZForcing

SETTINGS = ("emb_dim", "rnn_dim", "inp_dim", "nlayers", "mlp_dim", "out_dim", "out_type", "cond_ln", "z_force", "z_dim")

# Module names here and in the released code; the parameters below them have the same names and layout.
MODULES = {
    "embedding.layer": "emb_mod.0",
    "backward_network.rnn": "bwd_mod",
    "backward_network.reconstruction": "bwd_out_mod",
    "transition.generator": "gen_mod",
    "transition.input_norm": "fwd_mod.ln_ih",
    "transition": "fwd_mod",
    "prior_network": "pri_mod",
    "posterior_network": "inf_mod",
    "auxiliary.network": "aux_mod",
    "emission": "fwd_out_mod",
}

# With cond_ln z_t replaces the gain and bias of the recurrent normalisation. The released code saves its own all the
# same, never reads them and gives them no gradient; they are kept for an exact round trip.
UNUSED_WITH_COND_LN = {"unused_gain": "fwd_mod.ln_hh.gain", "unused_bias": "fwd_mod.ln_hh.bias"}


class ReferenceCheckpointError(ValueError):
    """A file that is not a readable checkpoint of the released code; the message says why."""


def load_reference_checkpoint(path: str | PathLike[str]) -> ZForcing:
    """The model that the paper's released code saved in `path`.

    The file is read with `weights_only`, so that it can run no code; torch's old and zip formats are both read. The
    model computes in the precision of the stored weights and reads padding as the released code does.

    Raises:
        ReferenceCheckpointError: the file is missing, unreadable, incomplete, or its shapes contradict its settings.
    """
    state = _read(Path(path))
    try:
        model = _build(state)
    except ReferenceCheckpointError as error:
        raise ReferenceCheckpointError(f"{path}: {error}") from error
    except (TypeError, ValueError, RuntimeError) as error:
        raise ReferenceCheckpointError(f"{path}: its settings make no model ({error})") from error
    stored = dict(state["state_dict"])
    own = model.state_dict()
    expected = {name: reference_name(name) for name in own}
    missing = sorted(set(expected.values()) - set(stored))
    surplus = sorted(set(stored) - set(expected.values()))
    if missing or surplus:
        raise ReferenceCheckpointError(
            f"{path}: state_dict does not fit its settings; missing: {', '.join(missing) or 'none'}; "
            f"not expected: {', '.join(surplus) or 'none'}"
        )
    for name, reference in expected.items():
        value = stored[reference]
        is_bias = name in ("transition.bias_ih", "transition.bias_hh")
        if value.shape != own[name].shape and not (is_bias and value.shape == (1, *own[name].shape)):
            raise ReferenceCheckpointError(
                f"{path}: {reference} has the shape {tuple(value.shape)}, the settings ask for {tuple(own[name].shape)}"
            )
        _assign(model, name, value)
    return model


def reference_state_dict(model: ZForcing) -> dict[str, Tensor]:
    """The model's parameters under the released code's names: the inverse of `load_reference_checkpoint`.

    The values are the parameters themselves, in the released code's layout, so that `.grad` is at hand by name too.
    """
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    if isinstance(model.transition, LatentAsNorm):
        norm = model.transition.input_norm
        tensors = {
            "transition.unused_gain": torch.ones_like(norm.gain),
            "transition.unused_bias": torch.zeros_like(norm.bias),
        } | tensors
    return {reference_name(name): tensor for name, tensor in tensors.items()}


def reference_name(name: str) -> str:
    """The released code's name of one of our parameters."""
    module, _, parameter = name.rpartition(".")
    if parameter in UNUSED_WITH_COND_LN:
        return UNUSED_WITH_COND_LN[parameter]
    head, _, layer = module.rpartition(".")
    if layer.isdigit():
        return f"{MODULES[head]}.{layer}.{parameter}"
    return f"{MODULES[module]}.{parameter}"


def _read(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ReferenceCheckpointError(f"{path}: there is no such file")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ReferenceCheckpointError(
            f"{path}: damaged, or not a file of tensors and plain values that torch.save wrote"
        ) from error
    if not isinstance(state, dict) or not isinstance(state.get("state_dict"), dict):
        raise ReferenceCheckpointError(f"{path}: not a checkpoint of the released code: it holds no state_dict")
    missing = [name for name in SETTINGS if name not in state]
    if missing:
        raise ReferenceCheckpointError(f"{path}: the settings {', '.join(missing)} are missing")
    tensors = state["state_dict"].items()
    if not all(isinstance(name, str) and isinstance(x, Tensor) and x.is_floating_point() for name, x in tensors):
        raise ReferenceCheckpointError(f"{path}: state_dict holds something else than named real tensors")
    if not state["state_dict"]:
        raise ReferenceCheckpointError(f"{path}: state_dict is empty")
    return state


def _build(state: dict[str, Any]) -> ZForcing:
    if state.get("drop_grad"):
        raise ReferenceCheckpointError("drop_grad is set in the checkpoint: the released code itself refuses it")
    model = ZForcing(
        _head(state),
        embedding_size=state["emb_dim"],
        hidden_size=state["rnn_dim"],
        latent_size=state["z_dim"],
        mlp_size=state["mlp_dim"],
        backward_layers=state["nlayers"],
        dropout=state.get("dropout", 0.0),
        cond_ln=bool(state["cond_ln"]),
        z_force=bool(state["z_force"]),
        aux_loss="l2" if state.get("use_l2", False) else "gaussian",
        backward_reads_padding=True,
    )
    if state["cond_ln"]:
        for name in UNUSED_WITH_COND_LN:
            model.transition.register_buffer(name, torch.empty(1, 4 * state["rnn_dim"]))
    return model


def _head(state: dict[str, Any]) -> Head:
    heads = {"gaussian": (GaussianHead, 2), "softmax": (CategoricalHead, 1)}
    if not isinstance(state["out_type"], str) or state["out_type"] not in heads:
        raise ReferenceCheckpointError(f"out_type must be 'gaussian' or 'softmax', got {state['out_type']!r}")
    head, parameters_per_input = heads[state["out_type"]]
    if state["out_dim"] != parameters_per_input * state["inp_dim"]:
        raise ReferenceCheckpointError(
            f"out_dim {state['out_dim']} does not fit inp_dim {state['inp_dim']} and out_type {state['out_type']!r}"
        )
    return head(state["inp_dim"])


def _assign(model: nn.Module, name: str, value: Tensor) -> None:
    module_name, _, parameter = name.rpartition(".")
    module = model.get_submodule(module_name)
    if parameter in module._buffers:
        module.register_buffer(parameter, value.clone())
    else:
        setattr(module, parameter, nn.Parameter(value.clone()))
