"""Sentences of a small probabilistic grammar, in the manner of the Penn Treebank, for machines without a corpus."""

from __future__ import annotations

from bisect import bisect
from itertools import accumulate

import numpy as np

GRAMMAR = """
S -> SUBS VPS [0.38] | SUBP VPP [0.34] | SUBS SAYS THAT [0.14] | IN TIME S [0.07] | S CONJ S [0.07]
SAYS -> 'said' [0.6] | 'says' [0.3] | 'added' [0.1]
THAT -> SUBS VPS [0.45] | SUBP VPP [0.45] | 'it' VPS [0.1]
CONJ -> 'and' [0.4] | 'but' [0.4] | 'while' [0.2]
SUBS -> 'the' NS [0.35] | 'a' NS [0.2] | NAME [0.2] | 'the' NS PP [0.1] | NAME TITLE [0.05] | 'the' NS WHOS [0.1]
SUBP -> 'the' NP [0.25] | ADJ NP [0.3] | NP [0.15] | 'N' NP [0.1] | 'the' NP PP [0.1] | 'the' NP WHOP [0.1]
WHOS -> 'that' VPS [1.0]
WHOP -> 'that' VPP [1.0]
TITLE -> ROLE 'of' COMPANY [1.0]
ROLE -> 'chairman' [0.4] | 'president' [0.4] | 'a' 'director' [0.2]
NAME -> COMPANY [0.5] | PREFIX PERSON [0.5]
PREFIX -> 'mr.' [0.7] | 'ms.' [0.2] | 'mrs.' [0.1]
PERSON -> '<unk>' [0.4] | 'smith' [0.2] | 'brown' [0.15] | 'jones' [0.15] | 'taylor' [0.1]
COMPANY -> FIRM FORM [0.6] | '<unk>' FORM [0.25] | FIRM '&' FIRM [0.15]
FIRM -> 'general' [0.3] | 'western' [0.25] | 'american' [0.2] | 'pacific' [0.15] | 'atlantic' [0.1]
FORM -> 'corp.' [0.4] | 'inc.' [0.35] | 'co.' [0.25]
VPS -> TVS OBJ [0.4] | IVS ADV [0.2] | TVS OBJ PP [0.15] | 'is' ADJ [0.1] | 'does' "n't" VB OBJ [0.08] | IVS MOVE [0.07]
VPP -> TVP OBJ [0.4] | IVP ADV [0.2] | TVP OBJ PP [0.15] | 'are' ADJ [0.1] | 'do' "n't" VB OBJ [0.08] | IVP MOVE [0.07]
TVS -> 'buys' [0.3] | 'sells' [0.3] | 'expects' [0.2] | 'owns' [0.1] | '<unk>' [0.1]
TVP -> 'buy' [0.3] | 'sell' [0.3] | 'expect' [0.2] | 'own' [0.1] | '<unk>' [0.1]
VB -> 'buy' [0.35] | 'sell' [0.35] | 'expect' [0.2] | 'own' [0.1]
IVS -> 'rises' [0.5] | 'falls' [0.4] | 'ends' [0.1]
IVP -> 'rise' [0.5] | 'fall' [0.4] | 'end' [0.1]
MOVE -> 'N' 'N' 'to' MONEY [0.6] | 'from' MONEY 'to' MONEY [0.4]
MONEY -> '$' 'N' UNITS [0.7] | '$' 'N' [0.2] | 'N' 'cents' [0.1]
UNITS -> 'million' [0.6] | 'billion' [0.4]
OBJ -> ADJ NP [0.25] | 'the' NS [0.2] | 'a' ADJ NS [0.2] | 'N' NP [0.1] | COMPANY [0.15] | NP 'for' MONEY [0.1]
NS -> 'company' [0.25] | 'market' [0.2] | 'stock' [0.15] | 'bank' [0.15] | 'plan' [0.1] | 'price' [0.1] | '<unk>' [0.05]
NP -> 'shares' [0.25] | 'bonds' [0.2] | 'prices' [0.2] | 'sales' [0.15] | 'investors' [0.15] | '<unk>' [0.05]
ADJ -> 'new' [0.3] | 'high' [0.2] | 'big' [0.2] | 'foreign' [0.15] | 'federal' [0.1] | '<unk>' [0.05]
ADV -> 'sharply' [0.4] | 'again' [0.3] | 'slightly' [0.2] | 'in' TIME [0.1]
PP -> 'of' COMPANY [0.35] | 'in' PLACE [0.35] | 'in' TIME [0.2] | 'for' MONEY [0.1]
PLACE -> 'new' 'york' [0.45] | 'the' 'u.s.' [0.35] | 'japan' [0.2]
IN -> 'in' [1.0]
TIME -> MONTH [0.5] | 'the' ORDER 'quarter' [0.3] | 'N' [0.2]
MONTH -> 'october' [0.4] | 'september' [0.3] | 'november' [0.3]
ORDER -> 'third' [0.4] | 'first' [0.3] | 'fourth' [0.3]
"""
SPLITS = {"train": 3000, "valid": 300, "test": 300}


def generate_corpus() -> dict[str, list[list[str]]]:
    """Independent draws of sentences for every split, the same on every machine."""
    from nltk.grammar import PCFG, Nonterminal  # nltk takes a second to import, which only this source needs

    grammar = PCFG.fromstring(GRAMMAR)
    rules = {
        left: [(production.rhs(), production.prob()) for production in grammar.productions(lhs=left)]
        for left in {production.lhs() for production in grammar.productions()}
    }
    cumulative = {left: list(accumulate(probability for _, probability in right)) for left, right in rules.items()}

    def sentence(random: np.random.Generator) -> list[str]:
        words, pending = [], [grammar.start()]
        while pending:
            symbol = pending.pop()
            if isinstance(symbol, Nonterminal):
                # The last bound is 1 only up to rounding.
                drawn = bisect(cumulative[symbol][:-1], random.random())
                pending.extend(reversed(rules[symbol][drawn][0]))
            else:
                words.append(symbol)
        return words

    corpus = {}
    for number, (split, count) in enumerate(SPLITS.items()):
        random = np.random.default_rng([84, number])
        corpus[split] = [sentence(random) for _ in range(count)]
    return corpus
