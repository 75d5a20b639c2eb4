#!/usr/bin/env python3
"""Does in PyTorch what `yardstick` of the `benches` crate does, with the same shapes, initial weights and loss.

    python -m venv reference
    reference/bin/pip install numpy==2.4.6 torch==2.15.0 transformers==5.23.0 peft==0.19.1 tokenizers==0.23.2 scikit-learn==1.9.0
    cargo xtask bench --torch reference/bin/python

`cargo xtask bench` starts it as `yardstick.py CASE FOLDER`, FOLDER being what `yardstick CASE --export FOLDER` wrote. It prints the loss
that it finds, then does the work as often as each line of standard input says and answers with the seconds that took.
"""

import json
import math
import os
import pathlib
import sys
import time

THREADS = len(os.sched_getaffinity(0))


# Audio language models that train from scratch.


def audio(case: str, folder: pathlib.Path, about: dict):
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from torch.nn import functional as F

    torch.set_num_threads(THREADS)
    config = about["config"]
    width, heads = config["width"], config["heads"]
    weights = load_file(folder / "model.safetensors")

    def sinusoids(length: int) -> torch.Tensor:
        step = math.log(10_000.0) / (max(width // 2, 2) - 1)
        angles = torch.arange(length)[:, None] * torch.exp(-step * torch.arange(width // 2))[None, :]
        return 0.3 * torch.cat([angles.sin(), angles.cos()], dim=1)

    class RmsNorm(nn.RMSNorm):
        def __init__(self, path: str) -> None:
            super().__init__(width, eps=1e-5)
            self.weight.data = weights[f"{path}.gamma"].clone()

    def linear(path: str) -> nn.Linear:
        weight = weights[f"{path}.weight"].T.contiguous()
        layer = nn.Linear(weight.shape[1], weight.shape[0], bias=f"{path}.bias" in weights)
        layer.weight.data = weight
        if layer.bias is not None:
            layer.bias.data = weights[f"{path}.bias"].clone()
        return layer

    class Attention(nn.Module):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.query, self.key_value, self.output = (linear(f"{path}.{name}") for name in ("query", "key_value", "output"))

        def forward(self, query, memory, mask):
            batch, to, _ = query.shape
            split = lambda x: x.view(batch, -1, heads, width // heads).transpose(1, 2)
            key, value = self.key_value(memory).chunk(2, dim=2)
            mixed = F.scaled_dot_product_attention(split(self.query(query)), split(key), split(value), attn_mask=mask)
            return self.output(mixed.transpose(1, 2).reshape(batch, to, width))

    class FeedForward(nn.Module):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.up, self.down = linear(f"{path}.up"), linear(f"{path}.down")

        def forward(self, x):
            return self.down(F.relu(self.up(x)))

    class Block(nn.Module):
        def __init__(self, path: str) -> None:
            super().__init__()
            self.attention_norm, self.attention = RmsNorm(f"{path}.attention_norm"), Attention(f"{path}.attention")
            self.feed_forward_norm, self.feed_forward = RmsNorm(f"{path}.feed_forward_norm"), FeedForward(f"{path}.feed_forward")
            self.dropout = nn.Dropout(config["dropout"])

        def forward(self, x, mask):
            normed = self.attention_norm(x)
            x = x + self.dropout(self.attention(normed, normed, mask))
            return x + self.dropout(self.feed_forward(self.feed_forward_norm(x)))

    class Mini(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            first, second = config["channels"]
            self.patch = nn.Conv2d(1, first, 8, stride=4, padding=2)
            self.patch.weight.data = weights["encoder.patch.weight"].T.reshape(first, 1, 8, 8).contiguous()
            self.patch.bias.data = weights["encoder.patch.bias"].clone()
            self.merge = nn.Conv2d(first, second, 2, stride=2)
            self.merge.weight.data = weights["encoder.merge.weight"].reshape(2, 2, first, second).permute(3, 2, 0, 1).contiguous()
            self.merge.bias.data = weights["encoder.merge.bias"].clone()
            self.input, self.input_norm = linear("encoder.input"), RmsNorm("encoder.input_norm")
            self.encoder = nn.ModuleList(Block(f"encoder.blocks.{i}") for i in range(config["encoder_layers"]))
            self.encoder_norm = RmsNorm("encoder.norm")
            self.queries = nn.Parameter(weights["bridge.queries"].clone())
            self.bridge_attention, self.bridge_norm = Attention("bridge.attention"), RmsNorm("bridge.feed_forward_norm")
            self.bridge_feed_forward, self.projector = FeedForward("bridge.feed_forward"), linear("bridge.projector")
            self.bridge_output = RmsNorm("bridge.output_norm")
            self.summary_input, self.summary_output = linear("summary.input"), linear("summary.output")
            self.summary_norm = RmsNorm("summary.norm")
            self.embedding = nn.Parameter(weights["decoder.embedding"].clone())
            self.decoder = nn.ModuleList(Block(f"decoder.blocks.{i}") for i in range(config["decoder_layers"]))
            self.decoder_norm = RmsNorm("decoder.norm")

        def forward(self, features, texts, prompt: int):
            """`features` [batch, frames, mels], `texts` [batch, tokens]: every clip and text of equal length."""
            batch, frames, mels = features.shape
            window = config["window"]
            used = -(-frames // 8)
            length = -(-used // window) * window
            x = F.pad((features - 0.07) / 0.5, (0, 0, 0, length * 8 - frames))[:, None]
            x = F.relu(self.merge(F.relu(self.patch(x))))
            x = self.input_norm(self.input(x.permute(0, 2, 3, 1).reshape(batch, length, -1)))
            x = x + sinusoids(length)
            hidden = torch.zeros(length).masked_fill(torch.arange(length) >= used, -1e4)
            mask = hidden.expand(batch, 1, 1, length)
            for block in self.encoder:
                x = block(x, mask)
            x = self.encoder_norm(x)

            windows = batch * (length // window)
            seen = self.bridge_attention(
                self.queries.expand(windows, -1, -1), x.reshape(windows, window, width), hidden.view(1, -1, 1, 1, window)
                .expand(batch, -1, 1, 1, window).reshape(windows, 1, 1, window))
            seen = seen + self.bridge_feed_forward(self.bridge_norm(seen))
            bridge = self.bridge_output(self.projector(seen)).reshape(batch, -1, width)

            mean, square = features.mean(1), (features**2).mean(1)
            change = features.diff(dim=1).abs().mean(1)
            deviation = 4 * (square - mean**2).clamp(min=0).sqrt() - 1
            statistics = torch.cat([2 * mean, deviation, 8 * change - 1], dim=1)
            summary = self.summary_output(F.relu(self.summary_input(statistics)))
            summary = self.summary_norm(summary.view(batch, config["summaries"], width))

            heard = torch.cat([summary, bridge], dim=1)
            heard_used = config["summaries"] + -(-used // window) * config["queries"]
            text = F.embedding(texts, self.embedding) * math.sqrt(width)
            x = torch.cat([heard, text], dim=1)
            assert heard_used == heard.shape[1], "the sizes leave no unused audio embedding"
            total = x.shape[1]
            x = x + sinusoids(total)
            causal = torch.full((total, total), -1e4).triu(1)
            for block in self.decoder:
                x = block(x, causal)
            x = self.decoder_norm(x)[:, heard.shape[1] + prompt - 1 :]
            return x @ self.embedding.T

    model = Mini()
    import numpy

    features = torch.from_numpy(numpy.fromfile(folder / "features.f32", dtype=numpy.float32))
    features = features.view(about["samples"], about["frames"], -1)
    prompts, answers = torch.tensor(about["prompts"]), torch.tensor(about["answers"])
    texts = torch.cat([prompts, answers[:, :-1]], dim=1)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.01, fused=True)
    sketch = None

    def loss():
        logits = model(features, texts, prompts.shape[1])
        return F.cross_entropy(logits.reshape(-1, logits.shape[-1]), answers.reshape(-1))

    def part(number: int):
        rows = slice(number * len(features) // about["parts"], (number + 1) * len(features) // about["parts"])
        logits = model(features[rows], texts[rows], prompts.shape[1])
        model.zero_grad(set_to_none=True)
        F.cross_entropy(logits.reshape(-1, logits.shape[-1]), answers[rows].reshape(-1)).backward()

    def backward() -> None:
        for number in range(about["parts"]):
            part(number)

    def train() -> None:
        model.zero_grad(set_to_none=True)
        loss().backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()

    def evaluate() -> None:
        with torch.no_grad():
            logits = model(features, texts, prompts.shape[1])
            losses = F.cross_entropy(logits.reshape(-1, logits.shape[-1]), answers.reshape(-1), reduction="none")
            losses.tolist()
            (logits.argmax(2) == answers).tolist()

    def probe() -> None:
        # The same sketch of the flat gradient: 64 neighbours share a place, every value has a sign, both drawn once.
        nonlocal sketch
        for number in range(about["parts"]):
            part(number)
            flat = torch.cat([parameter.grad.flatten() for parameter in model.parameters()])
            if sketch is None:
                generator = torch.Generator().manual_seed(0)
                blocks = -(-len(flat) // 64)
                places = torch.randint(about["sketch"] // 64, (blocks,), generator=generator)
                sketch = places, torch.randint(2, (blocks, 64), generator=generator) * 2.0 - 1.0
            flat = F.pad(flat, (0, sketch[1].numel() - len(flat))).view(-1, 64)
            torch.zeros(about["sketch"] // 64, 64).index_add_(0, sketch[0], flat * sketch[1])

    model.eval()
    with torch.no_grad():
        found = loss().item()
    kind = case.split("-")[1]
    model.train(kind != "evaluate")
    return found, {"train": train, "evaluate": evaluate, "backward": backward, "probe": probe}[kind]


# Adapters on a frozen decoder.


def adapter(folder: pathlib.Path, about: dict):
    import torch
    from peft import LoraConfig, get_peft_model
    from safetensors.torch import load_file
    from torch.nn import functional as F
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.set_num_threads(THREADS)
    weights = load_file(folder / "model.safetensors")
    layers = 1 + max(int(name.split(".")[2]) for name in weights if name.startswith("model.layers."))
    vocabulary, width = weights["model.embed_tokens.weight"].shape
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=width, intermediate_size=weights["model.layers.0.mlp.up_proj.weight"].shape[0],
        num_hidden_layers=layers, num_attention_heads=8, num_key_value_heads=8, rms_norm_eps=1e-5, rope_theta=10_000.0,
        tie_word_embeddings=False, max_position_embeddings=512, attn_implementation="sdpa")
    model = LlamaForCausalLM(config)
    model.load_state_dict({name: value for name, value in weights.items() if ".lora." not in name})
    model = get_peft_model(model, LoraConfig(r=8, lora_alpha=16, lora_dropout=0.0, target_modules=["q_proj", "v_proj"]))
    state = model.state_dict()
    for name, value in weights.items():
        if ".lora." in name:
            path = name.replace(".lora.lora_a", ".lora_A.default.weight").replace(".lora.lora_b", ".lora_B.default.weight")
            state[f"base_model.model.{path}"].copy_(value)
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, weight_decay=0.01, fused=True)
    tokens = torch.tensor(about["tokens"]).view(about["samples"], about["length"])
    answer = about["answer"]
    base = model.base_model.model

    def loss():
        hidden = base.model(input_ids=tokens, use_cache=False).last_hidden_state[:, -1 - answer : -1]
        logits = base.lm_head(hidden)
        return F.cross_entropy(logits.reshape(-1, vocabulary), tokens[:, -answer:].reshape(-1))

    def train() -> None:
        optimizer.zero_grad(set_to_none=True)
        loss().backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()

    with torch.no_grad():
        found = loss().item()
    return found, train


# What surrounds a step.


def log_mel(folder: pathlib.Path, _: dict):
    import numpy
    import torch
    from transformers.audio_utils import mel_filter_bank

    torch.set_num_threads(1)
    wave = torch.from_numpy(numpy.fromfile(folder / "samples.f32", dtype=numpy.float32))
    bank = mel_filter_bank(201, 80, 0.0, 8_000.0, 16_000, norm="slaney", mel_scale="slaney")
    filters = torch.from_numpy(bank.T.astype(numpy.float32))
    window = torch.hann_window(400)

    def work() -> None:
        spectrum = torch.stft(wave, 400, 160, window=window, return_complex=True)
        log = torch.clamp(filters @ spectrum[..., :-1].abs() ** 2, min=1e-10).log10()
        (torch.maximum(log, log.max() - 8.0) + 4.0) / 4.0

    return None, work


def tokenize(folder: pathlib.Path, about: dict):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def work() -> None:
        for text in about["texts"]:
            tokenizer.encode(text).ids

    return None, work


def draws(_: pathlib.Path, about: dict):
    import torch
    from torch.utils.data import WeightedRandomSampler

    sizes = about["sizes"]

    def work() -> None:
        # What a user of PyTorch takes: datasets by weight, then a record of each.
        for dataset in WeightedRandomSampler(sizes, about["count"]):
            torch.randint(sizes[dataset], ()).item()

    return None, work


def spectral(_: pathlib.Path, about: dict):
    import numpy
    from sklearn.cluster import SpectralClustering

    numbers = numpy.arange(about["datasets"])
    points = (numbers % 5) * 10.0 + numpy.mod(numbers * 0.618033988, 1.0)
    distances = numpy.abs(points[:, None] - points[None, :])

    def work() -> None:
        # The self-tuning kernel that ours uses: scaled by the distance to the seventh neighbour.
        scale = numpy.maximum(numpy.sort(distances, axis=1)[:, min(7, len(points) - 1)], 1e-12)
        kernel = numpy.exp(-(distances**2) / (scale[:, None] * scale[None, :]))
        SpectralClustering(about["groups"], affinity="precomputed", random_state=0).fit(kernel)

    return None, work


def main() -> None:
    case, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    about = json.loads((folder / "case.json").read_text())
    if case.startswith(("mini-", "small-")):
        loss, work = audio(case, folder, about)
    elif case == "lora-train":
        loss, work = adapter(folder, about)
    else:
        kinds = {"log-mel": log_mel, "tokenize": tokenize, "draws": draws, "spectral": spectral}
        loss, work = kinds[case if case in kinds else case.split("-")[0]](folder, about)
    print(json.dumps(loss), flush=True)
    for line in sys.stdin:
        count = int(line)
        began = time.perf_counter()
        for _ in range(count):
            work()
        print(time.perf_counter() - began, flush=True)


if __name__ == "__main__":
    main()
