"""The formats with one JSON object a line: ours, and those of OpenAI, Langfuse and Phoenix."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from evaluations.exporting.answers import read_messages, write_answer, write_messages
from evaluations.exporting.shapes import PIECE, About, Exported, Pages, quote

Line = Callable[[Exported], str]


def write_lines(pages: Pages, about: About) -> Iterator[bytes]:
    """`{"id", "input", "expected", "labels", "split", "sources"}`; the texts are those that were hashed, byte for byte, and
    canonical texts have no line ends."""
    return write_each(pages, about, _write_line_with_status if about.names_status else _write_line)


def write_openai_evals(pages: Pages, about: About) -> Iterator[bytes]:
    """`{"input": [messages], "ideal": text}`: the samples that OpenAI Evals' basic templates read."""
    return write_each(pages, about, _write_sample)


def write_openai_finetuning(pages: Pages, about: About) -> Iterator[bytes]:
    """`{"messages": […]}` whose last message is the assistant's answer: OpenAI's supervised fine-tuning."""
    return write_each(pages, about, _write_conversation)


def write_langfuse(pages: Pages, about: About) -> Iterator[bytes]:
    """The bodies of Langfuse's `POST /api/public/dataset-items`."""
    return write_each(pages, about, lambda example: _write_langfuse_item(example, about))


def write_phoenix(pages: Pages, about: About) -> Iterator[bytes]:
    """`{"input", "output", "metadata"}`, the examples of `Client().datasets.create_dataset`; each is an object there."""
    return write_each(pages, about, lambda example: _write_phoenix_example(example, about))


def write_each(pages: Pages, about: About, write: Line) -> Iterator[bytes]:
    """The lines of all examples, many a piece."""
    lines: list[str] = []
    size = 0
    for page in pages(about.split):
        for example in page:
            line = write(example)
            lines.append(line)
            size += len(line)
            if size >= PIECE:
                yield "".join(lines).encode()
                lines.clear()
                size = 0
    if lines:
        yield "".join(lines).encode()


def _write_line(example: Exported) -> str:
    id, input, expected, labels, split, _, _, _, sources = example
    return (
        f'{{"id":"{id}","input":{input},"expected":{expected},"labels":{labels},"split":"{split}",'
        f'"sources":{sources}}}\n'
    )


def _write_line_with_status(example: Exported) -> str:
    return (
        f'{{"id":"{example.id}","input":{example.input},"expected":{example.expected},"labels":{example.labels},'
        f'"split":"{example.split}","status":"{example.status}","sources":{example.sources}}}\n'
    )


def _write_sample(example: Exported) -> str:
    messages = write_messages(read_messages(example.input))
    return f'{{"input":{messages},"ideal":{quote(write_answer(example.expected))}}}\n'


def _write_conversation(example: Exported) -> str:
    answer = {"role": "assistant", "content": write_answer(example.expected)}
    return f'{{"messages":{write_messages([*read_messages(example.input), answer])}}}\n'


def _write_langfuse_item(example: Exported, about: About) -> str:
    return (
        f'{{"datasetName":{quote(about.title)},"id":"{example.id}","input":{example.input},'
        f'"expectedOutput":{example.expected},"metadata":{_write_metadata(example, about)}}}\n'
    )


def _write_phoenix_example(example: Exported, about: About) -> str:
    given = example.input if example.input.startswith("{") else f'{{"input":{example.input}}}'
    return f'{{"input":{given},"output":{example.expected},"metadata":{_write_metadata(example, about)}}}\n'


def _write_metadata(example: Exported, about: About) -> str:
    version = "null" if about.version is None else str(about.version)
    return (
        f'{{"example":"{example.id}","content":"sha256:{example.content}","labels":{example.labels},'
        f'"split":"{example.split}","version":{version},"sources":{example.sources}}}'
    )
