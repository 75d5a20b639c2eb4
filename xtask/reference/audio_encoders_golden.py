#!/usr/bin/env python3
"""Makes the golden files of the pretrained audio half: encoders, bridges and the Kaldi filter bank.

    python -m venv reference
    reference/bin/pip install torch==2.15.0 transformers==5.23.0 soundfile==0.14.0
    reference/bin/pip install --no-deps -r xtask/reference/audio_requirements.txt
    reference/bin/python xtask/reference/audio_encoders_golden.py

Every model has a few thousand random weights, drawn here; nothing is downloaded. Each gets a folder in
`crates/gst-model/tests/golden`: `model.safetensors` and `config.json` as a real checkpoint has them, what went in and what
came out in `golden.safetensors`, and the gradients of a loss, under the names of the weights, in `gradients.safetensors`.

| folder | reference |
|---|---|
| whisper | transformers `WhisperEncoder` |
| salmonn_bridge | transformers `Blip2QFormerModel`, cross-attention in each layer, on windows cut by torch's `unfold` as SALMONN does |
| qformer | the same, cross-attention in every second layer, several queries, no windows |
| voxtral_projector | transformers `VoxtralMultiModalProjector` behind stacked frames |
| qwen2_audio_projector | transformers `Qwen2AudioMultiModalProjector` |
| beats | SpeechBrain's `speechbrain.lobes.models.beats.BEATs`, a port of Microsoft's published code; one clip is padded |

`published_audio.json` there has names and shapes of what published checkpoints hold, by their published configurations: the
references' own classes, built without weights. Only the first and the last layer are listed, and how many tensors there are.

`fbank.f32` in `crates/gst-data/tests/golden` is what torchaudio's `compliance.kaldi.fbank` gives, called as BEATs calls it.
"""

import json
import math
import pathlib
import sys

import numpy
import soundfile
import torch

# This torchaudio is older than torch and checks the CUDA it was built with; only its Python code is used here.
torch.version.cuda = None

import torchaudio  # noqa: E402
import transformers  # noqa: E402
from safetensors.torch import save_file  # noqa: E402
from speechbrain.lobes.models.beats import BEATs  # noqa: E402
from transformers import Blip2QFormerConfig, Blip2QFormerModel, WhisperConfig  # noqa: E402
from transformers.models.qwen2_audio.configuration_qwen2_audio import Qwen2AudioConfig  # noqa: E402
from transformers.models.qwen2_audio.modeling_qwen2_audio import Qwen2AudioMultiModalProjector  # noqa: E402
from transformers.models.voxtral.configuration_voxtral import VoxtralConfig  # noqa: E402
from transformers.models.voxtral.modeling_voxtral import VoxtralMultiModalProjector  # noqa: E402
from transformers.models.whisper.modeling_whisper import WhisperEncoder  # noqa: E402

PINNED = {"torch": "2.15.0", "torchaudio": "2.11.0", "transformers": "5.23.0"}
ROOT = pathlib.Path(__file__).resolve().parents[2]
MODEL = ROOT / "crates/gst-model/tests/golden"
DATA = ROOT / "crates/gst-data/tests/golden"


def randomize(module: torch.nn.Module, seed: int, size: float = 0.3) -> None:
    """Weights large enough that every part of the model shows in its output."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in sorted(module.named_parameters()):
            noise = torch.randn(parameter.shape, generator=generator)
            norm = "norm" in name.lower() and name.endswith("weight")
            parameter.copy_(1 + 0.2 * noise if norm else size * noise)


def noise(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def write(path: pathlib.Path, tensors: dict) -> None:
    save_file({key: value.detach().to(torch.float32).contiguous().clone() for key, value in tensors.items()}, path)


def save(name: str, config: dict, weights, golden: dict, gradients: dict | None = None) -> None:
    folder = MODEL / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
    write(folder / "model.safetensors", dict(weights))
    write(folder / "golden.safetensors", golden)
    if gradients:
        write(folder / "gradients.safetensors", gradients)
    print(f"{name}: {sum(file.stat().st_size for file in folder.iterdir())} bytes")


def whisper() -> None:
    config = {
        "num_mel_bins": 8, "d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 4,
        "encoder_ffn_dim": 24, "max_source_positions": 12,
    }
    encoder = WhisperEncoder(WhisperConfig(**config, decoder_layers=1, vocab_size=8, pad_token_id=0)).eval()
    randomize(encoder, 1)
    features = noise(2, 2, 8, 24)
    output = encoder(features).last_hidden_state
    weights = {f"model.encoder.{key}": value for key, value in encoder.state_dict().items()}
    config |= {"model_type": "whisper", "activation_function": "gelu", "decoder_layers": 1}
    save("whisper", config, weights, {"input": features, "output": output})


def backward(output: torch.Tensor, named, seed: int) -> tuple[dict, dict]:
    """The loss is the sum of the outputs, each times the number at its place in `direction`."""
    direction = noise(seed, *output.shape)
    (output * direction).sum().backward()
    return {"output": output, "direction": direction}, {name: tensor.grad for name, tensor in named}


def qformer_config(frequency: int) -> dict:
    return {
        "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 24,
        "encoder_hidden_size": 20, "cross_attention_frequency": frequency, "layer_norm_eps": 1e-12,
        "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    }


def salmonn_name(name: str) -> str:
    name = name.replace("layernorm.", "embeddings.LayerNorm.") if name.startswith("layernorm.") else name
    return "speech_Qformer.bert." + name.replace("attention.attention.", "attention.self.")


def qformer() -> None:
    config = qformer_config(1)
    model = Blip2QFormerModel(Blip2QFormerConfig(**config)).eval()
    projection = torch.nn.Linear(16, 12)
    query = torch.nn.Parameter(torch.empty(1, 1, 16))
    randomize(model, 3)
    randomize(projection, 4)
    with torch.no_grad():
        query.copy_(noise(5, 1, 1, 16))

    batch, length, window, stride = 2, 23, 5, 4
    frames = noise(6, batch, length, 20).requires_grad_()
    # SALMONN's way: unfold the frames over time, whole windows only.
    unfolded = torch.nn.functional.unfold(frames.transpose(1, 2).unsqueeze(2), kernel_size=(1, window), stride=(1, stride))
    windows = unfolded.view(batch, 20, window, -1).permute(0, 3, 2, 1).reshape(-1, window, 20)
    found = model(query_embeds=query.expand(windows.shape[0], -1, -1), encoder_hidden_states=windows).last_hidden_state
    output = projection(found).view(batch, -1, 12)

    named = [(salmonn_name(name), parameter) for name, parameter in model.named_parameters()]
    named += [("speech_llama_proj." + name, parameter) for name, parameter in projection.named_parameters()]
    named += [("speech_query_tokens", query)]
    golden, gradients = backward(output, named, 7)
    golden |= {"input": frames, "input_gradient": frames.grad}
    settings = {"qformer": config, "queries": 1, "window": window, "stride": stride, "output": 12}
    save("salmonn_bridge", settings, named, golden, gradients)


def qformer_alternate() -> None:
    config = qformer_config(2)
    model = Blip2QFormerModel(Blip2QFormerConfig(**config)).eval()
    randomize(model, 8)
    queries, frames = noise(9, 2, 3, 16), noise(10, 2, 7, 20)
    output = model(query_embeds=queries, encoder_hidden_states=frames).last_hidden_state
    named = list(model.named_parameters())
    golden, gradients = backward(output, named, 11)
    golden |= {"queries": queries, "input": frames}
    save("qformer", config | {"model_type": "blip_2_qformer"}, named, golden, gradients)


def projector() -> None:
    text = {"model_type": "llama", "hidden_size": 12, "vocab_size": 8, "num_hidden_layers": 1, "num_attention_heads": 2,
            "intermediate_size": 8}
    stacked = VoxtralMultiModalProjector(VoxtralConfig(audio_config={"intermediate_size": 24}, text_config=text)).eval()
    plain = Qwen2AudioMultiModalProjector(
        Qwen2AudioConfig(audio_config={"d_model": 8}, text_config=text | {"model_type": "qwen2"})
    ).eval()
    randomize(stacked, 12)
    randomize(plain, 13)
    frames = noise(14, 2, 10, 8)
    # Three frames side by side; the tenth is left out.
    for name, module, fed in (
        ("voxtral_projector", stacked, frames[:, :9].reshape(2, 3, 24)),
        ("qwen2_audio_projector", plain, frames),
    ):
        named = [(f"multi_modal_projector.{key}", value) for key, value in module.named_parameters()]
        golden, gradients = backward(module(fed), named, 15)
        config = {"input": 8, "stack": 3, "hidden": 12, "output": 12, "bias": False}
        if module is plain:
            config = {"input": 8, "stack": 1, "output": 12, "bias": True}
        save(name, config, named, golden | {"input": frames}, gradients)


def waveform(samples: int) -> torch.Tensor:
    """A rising chirp and a hum, in 16-bit steps."""
    t = torch.arange(samples, dtype=torch.float64) / 16_000
    wave = 0.4 * torch.sin(2 * math.pi * (150 * t + 2000 * t**2)) + 0.2 * torch.sin(2 * math.pi * 50 * t)
    return (torch.round(wave * 32767) / 32768).to(torch.float32)


def beats() -> None:
    config = {
        "input_patch_size": 16, "embed_dim": 10, "conv_bias": False, "encoder_layers": 2, "encoder_embed_dim": 16,
        "encoder_ffn_embed_dim": 24, "encoder_attention_heads": 4, "activation_fn": "gelu", "layer_norm_first": False,
        "deep_norm": True, "conv_pos": 6, "conv_pos_groups": 4, "relative_position_embedding": True, "num_buckets": 12,
        "max_distance": 20, "gru_rel_pos": True,
    }
    model = BEATs()
    model.cfg.update(config)
    model = rebuilt(model.cfg)
    randomize(model, 16)
    samples, padded = [7_000, 10_400], 10_400
    waves = torch.stack([torch.nn.functional.pad(waveform(count), (0, padded - count)) for count in samples])
    fbank = torch.stack([kaldi(wave) for wave in waves])
    share = torch.tensor([count / padded for count in samples], dtype=torch.float64)
    output = model.extract_features(waves, share)[0]
    weights = {plain_name(name): value for name, value in model.state_dict().items()}
    golden = {"fbank": fbank, "samples": torch.tensor(samples), "output": output}
    golden |= {"alone": model.extract_features(waves[1:], share[1:])[0]}
    save("beats", config, weights, golden)


def plain_name(name: str) -> str:
    """The published checkpoints were written before torch renamed what weight normalisation keeps."""
    return name.replace("parametrizations.weight.original0", "weight_g").replace("parametrizations.weight.original1", "weight_v")


def rebuilt(cfg) -> BEATs:
    """SpeechBrain's class takes its configuration from a checkpoint file only: write one without weights being looked at."""
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "beats.pt"
        plain = dict(cfg.__dict__)
        torch.save({"cfg": plain, "model": {}}, path)
        strict = BEATs.load_state_dict
        BEATs.load_state_dict = lambda self, state: None
        try:
            return BEATs(str(path), freeze=True).eval()
        finally:
            BEATs.load_state_dict = strict


WHISPER = {  # d_model, layers, heads, feed-forward, mels, number format: config.json of openai/whisper-*
    "whisper-tiny": (384, 4, 6, 1536, 80, "float32"),
    "whisper-base": (512, 6, 8, 2048, 80, "float32"),
    "whisper-small": (768, 12, 12, 3072, 80, "float32"),
    "whisper-medium": (1024, 24, 16, 4096, 80, "float32"),
    "whisper-large-v2": (1280, 32, 20, 5120, 80, "float32"),
    "whisper-large-v3": (1280, 32, 20, 5120, 128, "float16"),
}
BEATS = {  # cfg of BEATs_iter3_plus_AS2M.pt
    "input_patch_size": 16, "embed_dim": 512, "conv_bias": False, "encoder_layers": 12, "encoder_embed_dim": 768,
    "encoder_ffn_embed_dim": 3072, "encoder_attention_heads": 12, "activation_fn": "gelu", "layer_norm_first": False,
    "deep_norm": True, "conv_pos": 128, "conv_pos_groups": 16, "relative_position_embedding": True, "num_buckets": 320,
    "max_distance": 800, "gru_rel_pos": True, "layer_wise_gradient_decay_ratio": 0.6, "encoder_layerdrop": 0.05,
}


def published() -> None:
    models = {}

    def add(name: str, config: dict, tensors: dict, layers: int) -> None:
        inner = [f"layers.{layer}." for layer in range(1, layers - 1)]
        listed = {key: shape for key, shape in tensors.items() if not any(part in key for part in inner)}
        total = sum(math.prod(shape) for shape in tensors.values())
        models[name] = {"config": config, "count": len(tensors), "parameters": total, "tensors": listed}

    for name, (width, layers, heads, hidden, mels, dtype) in WHISPER.items():
        config = {
            "model_type": "whisper", "architectures": ["WhisperForConditionalGeneration"], "activation_function": "gelu",
            "d_model": width, "encoder_layers": layers, "encoder_attention_heads": heads, "encoder_ffn_dim": hidden,
            "decoder_layers": layers, "num_mel_bins": mels, "max_source_positions": 1500, "max_target_positions": 448,
            "scale_embedding": False, "torch_dtype": dtype,
        }
        sizes = {key: config[key] for key in ("d_model", "encoder_layers", "encoder_attention_heads", "encoder_ffn_dim", "num_mel_bins")}
        with torch.device("meta"):
            encoder = WhisperEncoder(WhisperConfig(**sizes))
        add(name, config, {f"model.encoder.{key}": list(value.shape) for key, value in encoder.state_dict().items()}, layers)

    model = BEATs()
    model.cfg.update(BEATS)
    tensors = {plain_name(key): list(value.shape) for key, value in rebuilt(model.cfg).state_dict().items()}
    # The layers share one bias; a checkpoint repeats it, which is not counted here.
    shared = [key for key in tensors if "relative_attention_bias" in key and ".layers.0." not in key]
    add("BEATs_iter3_plus_AS2M", BEATS, {key: shape for key, shape in tensors.items() if key not in shared}, 12)

    # SALMONN's bridge for 13B with BEATs: BERT base cut to two layers, 2,048 values a frame, 5,120 in the language model.
    sizes = {"hidden_size": 768, "num_hidden_layers": 2, "num_attention_heads": 12, "intermediate_size": 3072,
             "encoder_hidden_size": 2048, "cross_attention_frequency": 1}
    with torch.device("meta"):
        bert = Blip2QFormerModel(Blip2QFormerConfig(**sizes))
    tensors = {salmonn_name(key): list(value.shape) for key, value in bert.named_parameters()}
    tensors |= {"speech_query_tokens": [1, 1, 768], "speech_llama_proj.weight": [5120, 768], "speech_llama_proj.bias": [5120]}
    add("salmonn-13b bridge", sizes, tensors, 2)
    path = MODEL / "published_audio.json"
    path.write_text(json.dumps(models, indent=1, sort_keys=True) + "\n")
    print(f"published_audio.json: {path.stat().st_size} bytes")


def kaldi(wave: torch.Tensor) -> torch.Tensor:
    return torchaudio.compliance.kaldi.fbank(
        wave.unsqueeze(0) * 2**15, num_mel_bins=128, sample_frequency=16000, frame_length=25, frame_shift=10
    )


def fbank() -> None:
    """Of the clip that the log-mel golden files are of, followed by 0.1 s of silence; every third frame. In 64 bits: in 32 the
    reference itself is 0.004 off where a band is quiet beside a loud one."""
    samples, rate = soundfile.read(DATA / "logmel.wav", dtype="float64")
    assert rate == 16_000
    values = kaldi(torch.nn.functional.pad(torch.from_numpy(samples), (0, 1_600))).numpy()[::3]
    values.astype("<f4").tofile(DATA / "fbank.f32")
    print(f"fbank.f32: {values.shape}")


def main() -> None:
    found = {module.__name__: module.__version__.split("+")[0] for module in (torch, torchaudio, transformers)}
    if found != PINNED:
        sys.exit(f"this makes other files with other versions: found {found}, expected {PINNED}")
    MODEL.mkdir(parents=True, exist_ok=True)
    torch.use_deterministic_algorithms(True)
    for make in (whisper, qformer, qformer_alternate, projector, beats, published, fbank):
        make()


if __name__ == "__main__":
    main()
