"""A Llama-shaped decoder in PyTorch, small enough to read: RMS norms, rotary positions, grouped queries, SwiGLU, a tied head.

`weights()` gives the tensors under the names and in the row order of Hugging Face's LlamaForCausalLM.
"""
import dataclasses

import torch
from torch import nn
from torch.nn import functional as F

from induction import place_induction


@dataclasses.dataclass(frozen=True)
class Shape:
    vocabulary: int
    width: int = 256
    hidden: int = 768
    blocks: int = 5
    heads: int = 4
    kv_heads: int = 2
    head: int = 64
    context: int = 1024
    rope_base: float = 500000.0
    embedding: float = 0.05  # standard deviation at the start


def rotary(shape, device):
    """Cosines and sines, [context, head]."""
    frequencies = shape.rope_base ** (-torch.arange(0, shape.head, 2, device=device).float() / shape.head)
    angles = torch.outer(torch.arange(shape.context, device=device).float(), frequencies)
    return torch.cat((angles.cos(),) * 2, -1), torch.cat((angles.sin(),) * 2, -1)


def rotated(x, cos, sin):
    half = x.shape[-1] // 2
    return x * cos + torch.cat((-x[..., half:], x[..., :half]), -1) * sin


def causal_attention(q, k, v, rows=128):
    """Attention of [batch, heads, time, head] over [batch, kv heads, time, head], a strip of `rows` queries after the other.

    A strip ends at its last key, so half of the products are never made, and the heads of a group share one product with their
    keys. On two cores with bfloat16 it takes a third of the time of scaled_dot_product_attention, forward and backward.
    """
    b, heads, time, size = q.shape
    kv = k.shape[1]
    q = (q * size ** -0.5).view(b, kv, heads // kv, time, size)
    future = torch.full((rows, rows), float("-inf"), dtype=q.dtype, device=q.device).triu(1)
    out = []
    for begin in range(0, time, rows):
        end = min(begin + rows, time)
        n = end - begin
        scores = (q[:, :, :, begin:end].reshape(b, kv, -1, size) @ k[:, :, :end].mT).view(b, kv, -1, n, end)
        weights = torch.softmax(scores + F.pad(future[:n, :n], (begin, 0)), -1).to(v.dtype)
        out.append((weights.view(b, kv, -1, end) @ v[:, :, :end]).view(b, kv, -1, n, size))
    return torch.cat(out, 3).view(b, heads, time, size)


class Block(nn.Module):
    def __init__(self, shape):
        super().__init__()
        self.shape = shape
        w, q, kv = shape.width, shape.heads * shape.head, shape.kv_heads * shape.head
        self.norm_attention, self.norm_mlp = nn.RMSNorm(w, eps=1e-5), nn.RMSNorm(w, eps=1e-5)
        self.q, self.k, self.v = (nn.Linear(w, n, bias=False) for n in (q, kv, kv))
        self.o = nn.Linear(q, w, bias=False)
        self.gate, self.up = nn.Linear(w, shape.hidden, bias=False), nn.Linear(w, shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, w, bias=False)

    def forward(self, x, cos, sin):
        s = self.shape
        b, t, _ = x.shape
        h = self.norm_attention(x)
        q = rotated(self.q(h).view(b, t, s.heads, s.head).transpose(1, 2), cos, sin)
        k = rotated(self.k(h).view(b, t, s.kv_heads, s.head).transpose(1, 2), cos, sin)
        v = self.v(h).view(b, t, s.kv_heads, s.head).transpose(1, 2)
        a = causal_attention(q, k, v)
        x = x + self.o(a.transpose(1, 2).reshape(b, t, s.heads * s.head))
        h = self.norm_mlp(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Decoder(nn.Module):
    def __init__(self, shape, seed=0):
        super().__init__()
        torch.manual_seed(seed)
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.blocks))
        self.norm = nn.RMSNorm(shape.width, eps=1e-5)
        for name, p in self.named_parameters():
            if name.endswith(("o.weight", "down.weight")):
                nn.init.zeros_(p)  # every block begins as the identity
            elif p.dim() == 2:
                nn.init.normal_(p, std=shape.embedding if "embedding" in name else 0.5 * p.shape[1] ** -0.5)
        place_induction(self, seed)

    def hidden(self, ids):
        cos, sin = rotary(self.shape, ids.device)
        x = self.embedding(ids)
        for block in self.blocks:
            x = block(x, cos[:ids.shape[1]], sin[:ids.shape[1]])
        return self.norm(x)

    def logits(self, hidden):
        return F.linear(hidden, self.embedding.weight)

    def weights(self):
        names = {"norm_attention": "input_layernorm", "norm_mlp": "post_attention_layernorm", "q": "self_attn.q_proj", "k": "self_attn.k_proj",
                 "v": "self_attn.v_proj", "o": "self_attn.o_proj", "gate": "mlp.gate_proj", "up": "mlp.up_proj", "down": "mlp.down_proj"}
        out = {"model.embed_tokens.weight": self.embedding.weight, "model.norm.weight": self.norm.weight}
        for i, block in enumerate(self.blocks):
            for own, name in names.items():
                out[f"model.layers.{i}.{name}.weight"] = getattr(block, own).weight
        return {name: p.detach() for name, p in out.items()}
