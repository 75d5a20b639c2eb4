#!/usr/bin/env python3
"""Makes the golden files of the language models: `crates/gst-model/tests/golden/lm`.

    python -m venv reference
    reference/bin/pip install torch==2.15.0 transformers==5.23.0 peft==0.21.2 safetensors==0.8.0
    reference/bin/python xtask/reference/lm_golden.py
    reference/bin/python xtask/reference/lm_golden.py --check

The second form writes nothing: PEFT reads the adapter that the Rust code wrote (`lora_ours`, from
`GST_WRITE_FIXTURES=1 cargo test -p gst-model --test lm`) and must give the logits of `lora`.

Tiny checkpoints with random weights, one folder each: `config.json`, `model.safetensors` (rounded to what is written, see
`rounded`), and `golden.safetensors` with what `transformers` computes from them on the CPU in f32, eager attention:

    tokens [2, LENGTH]        two texts; the second is padded on the left by PADDING slots (`tokens` holds 0 there)
    hidden, logits            after the last norm; rows of padding are zeros
    greedy, beam [2, NEW]     generated tokens, -1 behind the end; beam: 4 beams, length_penalty 1, early_stopping False
    losses [2, LENGTH - 1]    cross-entropy of the next token (second text: 0 for padding)

`lora/`: an adapter that PEFT made for the llama checkpoint (`adapter_config.json`, `adapter_model.safetensors`), logits with
it, the mean loss over the first text's last ANSWER tokens and its gradients with respect to every factor.

`template.json`: chat templates in the manner of several families (our own words) and what `transformers` renders from them for
one message.
`rope.json`: inverse frequencies of every kind of scaling, and what they need.

Nothing is downloaded. Everything is drawn from fixed seeds; the files differ between versions only where the libraries do.
"""

import json
import pathlib
import shutil
import sys

import peft
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS
from transformers.utils.chat_template_utils import render_jinja_template

PINNED = {"torch": "2.15.0", "transformers": "5.23.0", "peft": "0.21.2"}
OUT = pathlib.Path(__file__).resolve().parents[2] / "crates/gst-model/tests/golden/lm"
LENGTH, PADDING, NEW, ANSWER = 14, 5, 10, 4
STOP = 3
COMMON = {
    "vocab_size": 67,
    "hidden_size": 24,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 64,
    "bos_token_id": 1,
    "eos_token_id": STOP,
    "pad_token_id": 0,
    "attn_implementation": "eager",
    "initializer_range": 0.4,
}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 5000.0,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}
MODELS = {
    "llama": LlamaConfig(**COMMON, rope_parameters=LLAMA3, rms_norm_eps=1e-5),
    "qwen2": Qwen2Config(
        **COMMON, tie_word_embeddings=True, use_sliding_window=True, sliding_window=4, max_window_layers=1
    ),
    "qwen3": Qwen3Config(
        **COMMON, head_dim=10, rope_parameters={"rope_type": "linear", "factor": 2.0, "rope_theta": 1e6}
    ),
    "mistral": MistralConfig(**COMMON, sliding_window=6),
}
PLAIN = {"rope_theta": 10_000.0}
ROPES = {
    "linear": PLAIN | {"factor": 8.0},
    "dynamic": PLAIN | {"factor": 4.0},
    "llama3": LLAMA3 | {"original_max_position_embeddings": 32},
    "yarn": PLAIN | {"factor": 4.0, "original_max_position_embeddings": 32},
}


def rounded(model: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Every parameter is drawn anew (norms and biases are constants otherwise) and rounded to bf16, which the files keep."""
    torch.manual_seed(seed)
    for name, parameter in model.named_parameters():
        centre = 1.0 if "norm" in name else 0.0
        size = 0.2 if parameter.dim() == 1 else 1.2 / parameter.shape[-1] ** 0.5
        parameter.data = (centre + size * torch.randn_like(parameter)).to(torch.bfloat16).float()
    return model.eval()


def inputs(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(seed)
    tokens = torch.randint(4, COMMON["vocab_size"], (2, LENGTH))
    mask = torch.ones_like(tokens)
    tokens[1, :PADDING] = 0
    mask[1, :PADDING] = 0
    return tokens, mask


def filled(answers: torch.Tensor, start: int) -> torch.Tensor:
    """Generated tokens with -1 from the stop token on."""
    out = torch.full((answers.shape[0], NEW), -1, dtype=torch.int64)
    for row, answer in enumerate(answers[:, start:]):
        for at, token in enumerate(answer.tolist()):
            if token == STOP:
                break
            out[row, at] = token
    return out


def write_model(name: str, config: transformers.PretrainedConfig, seed: int) -> torch.nn.Module:
    folder = OUT / name
    model = rounded(AutoModelForCausalLM.from_config(config), seed)
    tokens, mask = inputs(seed + 100)
    with torch.no_grad():
        out = model(input_ids=tokens, attention_mask=mask, position_ids=position_ids(mask), output_hidden_states=True)
        # Every text also alone: padding must not matter to the reference either.
        alone = model(input_ids=tokens[1:, PADDING:])
        assert torch.allclose(out.logits[1, PADDING:], alone.logits[0], atol=1e-4)
        settings = {"max_new_tokens": NEW, "do_sample": False, "pad_token_id": 0}
        greedy = model.generate(input_ids=tokens, attention_mask=mask, **settings)
        beam = model.generate(
            input_ids=tokens, attention_mask=mask, num_beams=4, length_penalty=1.0, early_stopping=False, **settings
        )
    losses = torch.nn.functional.cross_entropy(
        out.logits[:, :-1].reshape(-1, COMMON["vocab_size"]), tokens[:, 1:].reshape(-1), reduction="none"
    ).reshape(2, -1)
    losses[1, :PADDING] = 0
    hidden = out.hidden_states[-1] * mask[..., None]
    golden = {
        "tokens": tokens,
        "hidden": hidden,
        "logits": out.logits * mask[..., None],
        "losses": losses,
        "greedy": filled(greedy, LENGTH),
        "beam": filled(beam, LENGTH),
    }
    folder.mkdir(parents=True, exist_ok=True)
    saved = json.loads(model.config.to_json_string())
    saved.pop("_attn_implementation", None)
    (folder / "config.json").write_text(json.dumps(saved, indent=1, sort_keys=True) + "\n")
    save_file({key: value.contiguous() for key, value in golden.items()}, folder / "golden.safetensors")
    weights = {key: value.to(torch.bfloat16).contiguous() for key, value in model.state_dict().items()}
    if config.tie_word_embeddings:
        weights.pop("lm_head.weight")
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return model


def position_ids(mask: torch.Tensor) -> torch.Tensor:
    return (mask.cumsum(-1) - 1).clamp(min=0)


def write_shards() -> None:
    """The llama checkpoint again, in two files with an index."""
    folder = OUT / "sharded"
    folder.mkdir(parents=True, exist_ok=True)
    weights = load_file(OUT / "llama/model.safetensors")
    names = sorted(weights)
    shards = {"model-00001-of-00002.safetensors": names[::2], "model-00002-of-00002.safetensors": names[1::2]}
    for shard, members in shards.items():
        save_file({name: weights[name] for name in members}, folder / shard, metadata={"format": "pt"})
    index = {"metadata": {}, "weight_map": {name: shard for shard, members in shards.items() for name in members}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index, indent=1, sort_keys=True) + "\n")
    shutil.copy(OUT / "llama/config.json", folder / "config.json")


def write_lora(model: torch.nn.Module) -> None:
    folder = OUT / "lora"
    config = peft.LoraConfig(
        r=3, lora_alpha=12, lora_dropout=0.1, target_modules=["q_proj", "v_proj", "down_proj"], task_type="CAUSAL_LM"
    )
    adapted = peft.get_peft_model(model, config)
    torch.manual_seed(7)
    for name, parameter in adapted.named_parameters():
        if "lora_" in name:
            parameter.data = 0.3 * torch.randn_like(parameter)
    adapted.eval()
    tokens, _ = inputs(500)
    tokens = tokens[:1]
    logits = adapted(input_ids=tokens).logits
    losses = torch.nn.functional.cross_entropy(logits[0, :-1], tokens[0, 1:], reduction="none")
    loss = losses[-ANSWER:].mean()
    loss.backward()
    golden = {"tokens": tokens, "logits": logits.detach(), "loss": loss.detach().reshape(1)}
    for name, parameter in adapted.named_parameters():
        if parameter.grad is not None:
            golden["grad." + name.replace(".default", "")] = parameter.grad.contiguous()
    adapted.save_pretrained(folder)
    (folder / "README.md").unlink(missing_ok=True)
    # A set without an order: sorted, so that a second run writes the same file.
    saved = json.loads((folder / "adapter_config.json").read_text())
    saved["target_modules"].sort()
    (folder / "adapter_config.json").write_text(json.dumps(saved, indent=2, sort_keys=True) + "\n")
    save_file(golden, folder / "golden.safetensors")


TEMPLATES = {
    "header blocks, trimmed": (
        "{{- bos_token }}\n{%- if not date_string is defined %}\n{%- set date_string = '1 Jan 2025' %}\n{%- endif %}\n"
        "{%- if messages[0]['role'] == 'system' %}\n{%- set system_message = messages[0]['content']|trim %}\n"
        "{%- set messages = messages[1:] %}\n{%- else %}\n{%- set system_message = '' %}\n{%- endif %}\n"
        "{{- '<|begin|>system\\nToday: ' + date_string + '\\n' + system_message + '<|end|>' }}\n"
        "{%- for message in messages %}\n"
        "{{- '<|begin|>' + message['role'] + '\\n\\n' + message['content'] | trim + '<|end|>' }}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n{{- '<|begin|>assistant\\n\\n' }}\n{%- endif %}\n"
    ),
    "blocks with tools, a namespace and a loop backwards": (
        "{%- if tools %}\n    {{- '<|im|>tools ' + tools | tojson }}\n{%- endif %}\n"
        "{%- set ns = namespace(last=messages|length - 1, found=false) %}\n"
        "{%- for message in messages[::-1] %}\n    {%- set index = (messages|length - 1) - loop.index0 %}\n"
        "    {%- if not ns.found and message.role == 'user' and message.content is string and not "
        "message.content.startswith('<tool>') %}\n        {%- set ns.found = true %}\n        {%- set ns.last = index %}\n"
        "    {%- endif %}\n{%- endfor %}\n"
        "{%- for message in messages %}\n    {%- if (message.role == 'user') or loop.first %}\n"
        "        {{- '<|im|>' + message.role + '\\n' + message.content + '<|/im|>' + '\\n' }}\n    {%- endif %}\n{%- endfor %}\n"
        "{%- if add_generation_prompt %}\n    {{- '<|im|>assistant\\n' }}\n"
        "    {%- if thinking is defined and thinking is false %}\n        {{- 'quick' }}\n    {%- endif %}\n{%- endif %}\n"
    ),
    "instructions in brackets, roles checked": (
        "{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% else %}{% set rest = messages %}{% endif %}"
        "{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{% if message['role'] == 'user' %}"
        "{{ bos_token + '[INST] ' + message['content'].strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}"
        "{{ ' ' + message['content'].strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
    ),
    "tags on lines of their own": (
        "{% for message in messages %}\n  {% if message['role'] == 'user' %}\nUSER: {{ message['content'] }}\n  {% else %}\n"
        "ASSISTANT: {{ message['content'] }}{{ eos_token }}\n  {% endif %}\n{% endfor %}\n"
        "{% if add_generation_prompt %}ASSISTANT:{% endif %}\n"
    ),
}


def write_templates() -> None:
    cases = []
    for name, template in TEMPLATES.items():
        content = " [audio]\nWhat is this? "
        rendered, _ = render_jinja_template(
            conversations=[[{"role": "user", "content": content}]],
            chat_template=template,
            add_generation_prompt=True,
            bos_token="<s>",
            eos_token="</s>",
        )
        cases.append({"name": name, "template": template, "content": content, "rendered": rendered[0]})
    (OUT / "template.json").write_text(json.dumps(cases, indent=1) + "\n")


def check_ours() -> None:
    model = AutoModelForCausalLM.from_pretrained(OUT / "llama", dtype=torch.float32, attn_implementation="eager")
    adapted = peft.PeftModel.from_pretrained(model, OUT / "lora_ours").eval()
    golden = load_file(OUT / "lora/golden.safetensors")
    with torch.no_grad():
        worst = (adapted(input_ids=golden["tokens"]).logits - golden["logits"]).abs().max().item()
        plain = adapted.unload()(input_ids=golden["tokens"]).logits
    changed = (plain - golden["logits"]).abs().max().item()
    print(f"PEFT {peft.__version__} reads lora_ours: logits differ by {worst:.1e}; without the adapter by {changed:.1e}")
    if not (worst < 1e-4 < changed):
        sys.exit("they should not")


def write_ropes() -> None:
    cases = []
    for kind, parameters in ROPES.items():
        config = LlamaConfig(**{**COMMON, "max_position_embeddings": 128}, rope_parameters={"rope_type": kind} | parameters)
        for length in (16, 400) if kind == "dynamic" else (16,):
            frequencies, attention = ROPE_INIT_FUNCTIONS[kind](config, seq_len=length)
            rope = {"rope_type": kind} | parameters
            cases.append({"rope": rope, "length": length, "frequencies": frequencies.tolist(), "attention": attention})
    size = COMMON["hidden_size"] // COMMON["num_attention_heads"]
    (OUT / "rope.json").write_text(json.dumps({"head_size": size, "positions": 128, "cases": cases}, indent=1) + "\n")


def main() -> None:
    found = {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__, "peft": peft.__version__}
    if found != PINNED:
        sys.exit(f"expected {PINNED}, found {found}")
    torch.set_num_threads(1)
    if sys.argv[1:] == ["--check"]:
        check_ours()
        return
    OUT.mkdir(parents=True, exist_ok=True)
    models = {name: write_model(name, config, seed) for seed, (name, config) in enumerate(MODELS.items())}
    write_shards()
    write_lora(models["llama"])
    write_ropes()
    write_templates()


if __name__ == "__main__":
    main()
