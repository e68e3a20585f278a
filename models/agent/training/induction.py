"""Places a circuit for copying into a new model, so that training need not find it.

Nearly all of what the assistant says stands in the conversation already: names of tools and arguments, values, results. The
circuit that looks things up (Olsson et al. 2022, arXiv:2209.11895: a head that notes which token came before, and one that
searches for the place whose token before was the present one) is known and is made of linear maps, so it is written down here
instead of being searched for by gradients, as others do with simpler structure (Trockman and Kolter 2023, arXiv:2305.09828).
What is placed is only where training begins: all of it goes on learning.

With the embedding's standard deviation s, the directions used are orthonormal: one mean direction that all tokens share, 32 in
which tokens differ (names), 32 that note the token before (notes), and 64 that carry what stands at a place (answers).
"""
import math

import torch

# Fast rotary pairs that point out one place: with P of them at length L, places beside it score about L^2 / 8 less
# (the sum of 1 - cos of their frequencies is near 1), here 2, and training sharpens what it needs.
PAIRS, LENGTH = 8, 4.0
# A match of all 32 names scores about 32 * 0.57 * 1.7 * GAIN^2 / 8 = 12, another token 0 +- 2 (the roots of the mean squares of
# names and notes behind block 1's norm).
GAIN = 1.75
NOTE, ANSWER = 0.2, 0.5  # what the two heads add to the residual stream, beside an embedding of 0.05


@torch.no_grad()
def place_induction(model, seed):
    """Head 0 of block 0 looks at the token before, head 0 of block 1 at what stood behind the present token sooner."""
    shape = model.shape
    half, quarter, head, width = shape.head // 2, shape.head // 4, shape.head, shape.width
    made = torch.Generator().manual_seed(seed)
    basis = torch.linalg.qr(torch.randn(width, width, generator=made))[0].T
    mean, names, notes, answers = basis[0], basis[1:1 + half], basis[1 + half:1 + head], basis[1 + head:1 + 2 * head]
    embedding = model.embedding.weight
    embedding += torch.outer(shape.embedding * math.sqrt(width) - embedding @ mean, mean)
    along = math.sqrt(width / 2)  # of every token behind the norm: half of its square is the mean's

    # Block 0: the key is the same everywhere, and the query is the key turned back by one place.
    frequencies = shape.rope_base ** (-torch.arange(0, head, 2).float() / head)
    key, query = torch.zeros(head), torch.zeros(head)
    key[:PAIRS] = LENGTH
    query[:half], query[half:] = key[:half] * frequencies.cos(), -key[:half] * frequencies.sin()
    first = model.blocks[0]
    first.k.weight[:head] = 0.1 * first.k.weight[:head] + torch.outer(key, mean) / along
    first.q.weight[:head] = 0.1 * first.q.weight[:head] + torch.outer(query, mean) / along
    first.v.weight[:half] = names
    first.o.weight[:, :half] += NOTE * notes.T

    # Block 1: the slow half of the pairs hardly turns within the context, so what matches does so at any distance.
    slow = torch.cat((torch.arange(quarter, half), torch.arange(half + quarter, head)))
    second = model.blocks[1]
    second.k.weight[:head] *= 0.1
    second.q.weight[:head] *= 0.1
    second.k.weight[slow] += GAIN * notes
    second.q.weight[slow] += GAIN * names
    second.v.weight[:head] = answers
    second.o.weight[:, :head] += ANSWER * answers.T
