"""Makes a small tokenizer from text that every Python brings along; run by a peer's interpreter.

`python tokenizer_script.py FOLDER`. Peers want one to make prompts of a length and to count tokens,
and nothing may be asked of a model hub.
"""

import json
import sys
import sysconfig
from pathlib import Path

from tokenizers import (  # the peer's environment has it
    Tokenizer,
    decoders,
    models,
    pre_tokenizers,
    trainers,
)

END = "<|end|>"
VOCABULARY = 4096
LONGEST = 8192
SOURCES = 60
CHAT = "{% for message in messages %}{{ message['content'] }}\n{% endfor %}"


def main(folder: Path) -> None:
    """Train, and write the three files that `transformers` reads."""
    files = sorted(Path(sysconfig.get_paths()["stdlib"]).glob("*.py"))[:SOURCES]
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train([str(file) for file in files], trainer)
    folder.mkdir(parents=True, exist_ok=True)
    told = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": END,
        "eos_token": END,
        "pad_token": END,
        "model_max_length": LONGEST,
        "chat_template": CHAT,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(told))
    model = {"model_type": "gpt2", "vocab_size": VOCABULARY, "bos_token_id": 0, "eos_token_id": 0}
    (folder / "config.json").write_text(json.dumps(model))
    tokenizer.save(str(folder / "tokenizer.json"))  # last: its presence says that all is there


main(Path(sys.argv[1]))
