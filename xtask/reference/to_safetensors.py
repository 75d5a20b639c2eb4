"""Writes the tensors of a published pickle to model.safetensors, once. gst reads no pickles: they are programs.

    pip install torch safetensors
    python to_safetensors.py salmonn_v1.pth WEIGHTS/salmonn-v1
    python to_safetensors.py BEATs_iter3_plus_AS2M_finetuned_on_AS2M_cpt2.pt WEIGHTS/beats-iter3-plus-as2m

Weights alone are unpickled (`weights_only=True`), which runs no code of the file. Both files keep their tensors under the key
`model`; a fine-tuned BEATs has a classifier too, which is left out. A `cfg` beside them is written to config.json.
"""

import argparse
import json
import pathlib

import torch
from safetensors.torch import save_file

# Parts of a fine-tuned BEATs that are no encoder.
LEFT_OUT = ("predictor.", "predictor_dropout.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pickle", type=pathlib.Path)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    loaded = torch.load(arguments.pickle, map_location="cpu", weights_only=True)
    tensors = {
        name: tensor.contiguous().clone()
        for name, tensor in loaded.get("model", loaded).items()
        if isinstance(tensor, torch.Tensor) and not name.startswith(LEFT_OUT)
    }
    arguments.folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, arguments.folder / "model.safetensors")
    config = loaded.get("cfg")
    if isinstance(config, dict):
        (arguments.folder / "config.json").write_text(json.dumps(config, indent=2, default=str) + "\n")
    count = sum(tensor.numel() for tensor in tensors.values())
    print(f"{len(tensors)} tensors, {count:,} numbers in {arguments.folder}")


if __name__ == "__main__":
    main()
