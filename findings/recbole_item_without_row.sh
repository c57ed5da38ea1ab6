#!/usr/bin/env bash
# RecBole 1.2.1 drops interactions whose item has no row in the .item file. This is the default
# (filter_inter_by_user_or_item). The messages, those of level DEBUG included, are the same as for
# complete data.
source "$(dirname "$0")/_environment.sh"
source "$findings/_recbole.sh"
install_recbole
python - <<'PYTHON'
import logging

from small import read, write


class Messages(logging.Handler):
    def __init__(self):
        super().__init__(logging.DEBUG)
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


messages = Messages()
logging.getLogger().addHandler(messages)
logging.getLogger().setLevel(logging.DEBUG)


def rows_and_messages(*items):
    write(
        inter=[("user_id:token", "item_id:token", "label:float"),
               ("u1", "i1", 1), ("u1", "i2", 0), ("u2", "i1", 0), ("u2", "i3", 1)],
        item=[("item_id:token", "price:float"), *items],
    )
    messages.texts.clear()
    columns = {"inter": ["user_id", "item_id", "label"], "item": ["item_id", "price"]}
    return len(read(load_col=columns)), messages.texts[:]


complete, usual = rows_and_messages(("i1", 1), ("i2", 2), ("i3", 3))
lacking, shown = rows_and_messages(("i1", 1), ("i2", 2))
print("4 interactions in the file; in the data set with all items:", complete,
      "- without the row of i3:", lacking)
print("messages that only the second reading shows:", sorted(set(shown) - set(usual)))
assert (complete, lacking) == (4, 3), "the behaviour has changed"
assert not set(shown) - set(usual), "the behaviour has changed"
PYTHON
