#!/usr/bin/env python3
"""Random patterns and texts beside Python's `re`: which spans are found.

    cargo run --release -p toolgate-pattern --example pairs -- 200000 > pairs.jsonl
    filter/engine/pattern/tests/python.py < pairs.jsonl

Python reads the plain form, spelled its way; `re.ASCII` makes its classes and boundaries those of Go. The last line counts what was
compared and what was not:

* Where what is repeated may be empty, Python goes round once more and Go does not, so that they find other spans. Whether anything
  is found must agree all the same.
* Python backtracks; a search that takes it more than half a second is given up.
* Python does not repeat what only looks (`(?!a)*`), and so refuses some patterns.
"""
import json
import re
import signal
import sys
from collections import Counter
from re import _parser as parser


class TooLong(Exception):
    pass


def give_up(_signal, _frame):
    raise TooLong


def spelled(plain):
    """The plain form as Python writes it; None if it cannot."""
    plain = plain.replace('(?U:a+)', '(?:a+?)')
    out, modes, multi, at = [], [], False, 0
    in_class = False
    while at < len(plain):
        rest = plain[at:]
        char = plain[at]
        if rest.startswith('\\x{'):
            end = plain.index('}', at)
            code = int(plain[at + 3:end], 16)
            out.append(f'\\U{code:08x}')
            at = end + 1
            continue
        if in_class:
            in_class = char != ']'
            out.append(char)
            at += 1
            continue
        if rest.startswith(('(?-u:\\b)', '(?-u:\\B)')):
            # Before 3.14 `\B` does not hold in an empty text.
            out.append('\\b' if plain[at + 6] == 'b' else r'(?:(?<=\w)(?=\w)|(?<!\w)(?!\w))')
            at += 8
            continue
        if rest.startswith('(?'):
            flags = re.match(r'\(\?([a-zA-Z-]*)(:|\))', rest)
            if 'U' in flags[1] or flags[2] == ')':
                return None
            on, _, off = flags[1].partition('-')
            modes.append(multi)
            multi = ('m' in on) or (multi and 'm' not in off)
            # Only `s` is left to Python: lines are spelled out.
            on, off = on.replace('m', ''), off.replace('m', '')
            out.append('(?' + on + ('-' + off if off else '') + ':')
            at += len(flags[0])
            continue
        if rest.startswith(('\\A', '\\z')):
            out.append('\\A' if plain[at + 1] == 'A' else r'(?!(?s:.))')
            at += 2
            continue
        if char == ')':
            multi = modes.pop()
        if char == '[':
            in_class = True
            out.append(char)
            if rest.startswith('[^'):
                out.append('^')
                at += 1
        elif char == '^':
            out.append(r'(?:(?<![\s\S])|(?<=\n))' if multi else r'(?<![\s\S])')
        elif char == '$':
            out.append(r'(?:(?![\s\S])|(?=\n))' if multi else r'(?![\s\S])')
        else:
            out.append(char)
        at += 1
    return ''.join(out)


def spans(pattern, text):
    """As Go looks for them: behind an empty match one character is passed over."""
    places = [0]
    for char in text:
        places.append(places[-1] + len(char.encode()))
    found, at = [], 0
    while at <= len(text):
        match = pattern.search(text, at)
        if not match:
            break
        if match.end() > match.start():
            found.append([places[match.start()], places[match.end()]])
            at = match.end()
        else:
            at = match.end() + 1
    return found


def repeats_nothing(tree):
    """Whether something is repeated that may be empty."""
    for operator, argument in tree:
        if operator in (parser.MAX_REPEAT, parser.MIN_REPEAT):
            _, most, body = argument
            if most > 1 and body.getwidth()[0] == 0 or repeats_nothing(body):
                return True
        elif operator is parser.SUBPATTERN:
            if repeats_nothing(argument[3]):
                return True
        elif operator is parser.BRANCH:
            if any(repeats_nothing(branch) for branch in argument[1]):
                return True
    return False


def main():
    signal.signal(signal.SIGALRM, give_up)
    counts, shown = Counter(), 0
    known = (None, None, False)
    for line in sys.stdin:
        pair = json.loads(line)
        counts['pairs'] += 1
        if known[0] != pair['plain']:
            source = spelled(pair['plain'])
            try:
                compiled = source and re.compile(source, re.ASCII)
                known = (pair['plain'], compiled, source and repeats_nothing(parser.parse(source, re.ASCII)))
            except re.error as error:
                known = (pair['plain'], None, False)
        if known[1] is None:
            counts['left out: refused'] += 1
            continue
        signal.setitimer(signal.ITIMER_REAL, 0.5)
        try:
            found = spans(known[1], pair['text'])
        except TooLong:
            counts['left out: takes too long'] += 1
            continue
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if known[2]:
            counts['compared: whether it is found'] += 1
            same = bool(found) == bool(pair['found'])
        else:
            counts['compared: where it is found'] += 1
            same = found == pair['found']
        if not same:
            counts['differ'] += 1
            if shown < 20:
                shown += 1
                print(json.dumps({**pair, 'python': found, 'spelled': known[1].pattern}, ensure_ascii=False))
    print(json.dumps(counts))
    sys.exit(1 if counts['differ'] else 0)


if __name__ == '__main__':
    main()
