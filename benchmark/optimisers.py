"""torch's optimisers and learning-rate decay, made known to gin.

Not `gin.torch`: it fails to import on newer Pythons and registers hundreds of names.
"""

from __future__ import annotations

import gin
import torch

Adam = gin.external_configurable(torch.optim.Adam, module="torch.optim", denylist=["params"])
SGD = gin.external_configurable(torch.optim.SGD, module="torch.optim", denylist=["params"])
ReduceLROnPlateau = gin.external_configurable(
    torch.optim.lr_scheduler.ReduceLROnPlateau,
    module="torch.optim.lr_scheduler",
    denylist=["optimizer", "mode"],
)
MultiStepLR = gin.external_configurable(
    torch.optim.lr_scheduler.MultiStepLR, module="torch.optim.lr_scheduler", denylist=["optimizer"]
)
