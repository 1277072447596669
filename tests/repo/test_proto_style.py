"""The contract keeps its own style: everything commented, named and numbered as promised."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from google.protobuf import descriptor_pb2
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parents[2]

# field numbers of FileDescriptorProto, DescriptorProto and so on, by which source
# locations are addressed (descriptor.proto, SourceCodeInfo.Location.path)
FILE_MESSAGE, FILE_ENUM, FILE_SERVICE = 4, 5, 6
MESSAGE_FIELD, MESSAGE_NESTED, MESSAGE_ENUM = 2, 3, 4
ENUM_VALUE, SERVICE_METHOD = 2, 2

Path_ = tuple[int, ...]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[descriptor_pb2.FileDescriptorProto]:
    """Our files, with their comments."""
    google = find_spec("google.rpc")
    assert google is not None
    assert google.submodule_search_locations
    output = tmp_path_factory.mktemp("protos") / "set.bin"
    sources = sorted(str(path) for path in (ROOT / "protos").rglob("*.proto"))
    arguments = [
        "protoc",
        f"-I{ROOT / 'protos'}",
        f"-I{Path(google.submodule_search_locations[0]).parent.parent}",
        f"-I{Path(protoc.__file__).parent / '_proto'}",
        "--include_source_info",
        f"--descriptor_set_out={output}",
        *sources,
    ]
    assert protoc.main(arguments) == 0
    found = descriptor_pb2.FileDescriptorSet.FromString(output.read_bytes())
    return list(found.file)


def elements(file: descriptor_pb2.FileDescriptorProto) -> Iterator[tuple[str, Path_]]:
    """Everything in a file that a reader can ask about, by name and by location."""
    for number, service in enumerate(file.service):
        yield service.name, (FILE_SERVICE, number)
        for index, method in enumerate(service.method):
            path = (FILE_SERVICE, number, SERVICE_METHOD, index)
            yield f"{service.name}.{method.name}", path
    for number, enum in enumerate(file.enum_type):
        yield from _enum(enum, enum.name, (FILE_ENUM, number))
    for number, message in enumerate(file.message_type):
        yield from _message(message, message.name, (FILE_MESSAGE, number))


def _message(
    message: descriptor_pb2.DescriptorProto, name: str, path: Path_
) -> Iterator[tuple[str, Path_]]:
    if message.options.map_entry:
        return
    yield name, path
    for index, field in enumerate(message.field):
        yield f"{name}.{field.name}", (*path, MESSAGE_FIELD, index)
    for index, nested in enumerate(message.nested_type):
        yield from _message(nested, f"{name}.{nested.name}", (*path, MESSAGE_NESTED, index))
    for index, enum in enumerate(message.enum_type):
        yield from _enum(enum, f"{name}.{enum.name}", (*path, MESSAGE_ENUM, index))


def _enum(
    enum: descriptor_pb2.EnumDescriptorProto, name: str, path: Path_
) -> Iterator[tuple[str, Path_]]:
    yield name, path
    for index, value in enumerate(enum.value):
        yield f"{name}.{value.name}", (*path, ENUM_VALUE, index)


def test_every_element_has_a_comment(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """Services, methods, messages, fields, enums and their values all say what they are."""
    bare = []
    for file in files:
        comments = {
            tuple(place.path): place.leading_comments or place.trailing_comments
            for place in file.source_code_info.location
        }
        bare += [f"{file.name}: {name}" for name, path in elements(file) if not comments.get(path)]
    assert bare == []


def test_enum_values_carry_their_enums_name_and_begin_with_unspecified(
    files: list[descriptor_pb2.FileDescriptorProto],
) -> None:
    """A missing value is never mistaken for a meant one (I39)."""
    enums = [enum for file in files for enum in file.enum_type]
    for file in files:
        enums += [enum for message in file.message_type for enum in message.enum_type]
    assert enums
    for enum in enums:
        prefix = "".join(f"_{c}" if c.isupper() else c.upper() for c in enum.name).lstrip("_") + "_"
        assert enum.value[0].name == f"{prefix}UNSPECIFIED"
        assert enum.value[0].number == 0
        assert [v.name for v in enum.value if not v.name.startswith(prefix)] == []


def test_lists_are_paged_alike(files: list[descriptor_pb2.FileDescriptorProto]) -> None:
    """Every list has its resource in field 1, a page size, a token and the next token (AIP-158)."""
    messages = {message.name: message for file in files for message in file.message_type}
    lists = [name for name in messages if name.startswith("List") and name.endswith("Request")]
    assert lists
    for name in lists:
        asked = {field.name for field in messages[name].field}
        answer = messages[name.removesuffix("Request") + "Response"]
        assert {"page_size", "page_token"} <= asked, name
        assert "next_page_token" in {field.name for field in answer.field}, name
        first = next(field for field in answer.field if field.number == 1)
        assert first.label == descriptor_pb2.FieldDescriptorProto.LABEL_REPEATED, name
