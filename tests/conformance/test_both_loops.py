"""All that the other tests here asked over UDP, once more, of all loops side by side."""

from __future__ import annotations

from pathlib import Path

import pytest
from answer_samples import API_NAME, example
from dns_messages import message
from dns_server_thread import ASKED
from loop_pair import HOME, OTHER, LoopPair
from test_hostile_input import corpus


@pytest.mark.last
def test_all_loops_give_the_same_octets_for_all_that_was_asked(tmp_path: Path) -> None:
    """And for the rubbish, and once more when all is compiled."""
    packets = [message(API_NAME, 1), *ASKED, *corpus(1), *corpus(2)]
    with LoopPair(example, tmp_path) as pair:
        for client in (HOME, OTHER, HOME):
            for at in range(0, len(packets), 16):
                assert pair.differ(packets[at : at + 16], client) == ""
