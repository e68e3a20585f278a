"""All tools of all assistants, and what has no tool."""
import dataclasses
import importlib

import phrases

ASSISTANTS = ("household", "vehicle", "factory", "field_service", "care")


@dataclasses.dataclass(frozen=True)
class Catalogue:
    assistants: dict    # name -> its tools, those held out among them
    sequences: tuple
    picks: tuple
    small_talk: tuple   # ([(tree, held)], answer)
    out_of_reach: tuple  # (tree, held)

    def tools(self, held=False):
        return [t for tools in self.assistants.values() for t in tools if t.held == held]


def load():
    modules = {name: importlib.import_module(f"catalogue.{name}") for name in ASSISTANTS}
    chat = importlib.import_module("catalogue.chat")
    return Catalogue({n: tuple(m.TOOLS) for n, m in modules.items()}, tuple(s for m in modules.values() for s in m.SEQUENCES),
                     tuple(p for m in modules.values() for p in m.PICKS), tuple((phrases.lines(users), said) for users, said in chat.SMALL_TALK),
                     phrases.lines(chat.OUT_OF_REACH))
