#include "engine/products.h"

#include "engine/activation.h"

namespace mote::engine {
namespace {

using kernels::kTileRows;

// Each worker claims about this many pieces of a product, so that a late one does not keep the others
// waiting.
constexpr std::size_t kPiecesPerWorker = 6;
// Tiles of one piece at least, where many tokens share it: 32 rows are what the wide kernels expand together.
constexpr std::size_t kWideTiles = 2;
constexpr std::size_t kWideTokens = 16;

// The part of [begin, end) that falls to a product whose tiles are [base, base + count).
struct Overlap {
  std::size_t first, last;
  Overlap(std::size_t begin, std::size_t end, std::size_t base, std::size_t count)
      : first(std::max(begin, base) - base), last(std::max(base, std::min(end, base + count)) - base) {}
  [[nodiscard]] bool empty() const { return first >= last; }
};

}  // namespace

std::unique_ptr<Products> Products::create(Runtime& runtime, const Weights& weights, std::size_t batch) {
  std::unique_ptr<Products> out(new Products(runtime));
  std::size_t bytes = 64;
  const auto grow = [&](const Linear& linear) {
    if (linear.matrix.rows == 0) return;
    for (const std::size_t n : {std::size_t{1}, batch}) {
      bytes = std::max(bytes, kernels::matmul_scratch_bytes(linear.matrix, n));
    }
  };
  grow(weights.head);
  for (const BlockWeights& b : weights.blocks) for_each_matrix(b, grow);
  out->scratch_bytes_ = (bytes + 63) / 64 * 64;
  out->scratch_ = AlignedBuffer(out->scratch_bytes_ * runtime.pool().size());
  return out->scratch_.size() == 0 ? nullptr : std::move(out);
}

template <typename F>
void Products::over_tiles(std::size_t tiles, std::size_t n, const F& work) {
  const std::size_t least = n > kWideTokens ? kWideTiles : 1;
  const std::size_t pieces = runtime_->pool().width() * kPiecesPerWorker;
  const std::size_t chunk = std::max(least, (tiles + pieces - 1) / pieces);
  std::atomic<std::size_t> next{0};
  runtime_->pool().run([&](unsigned worker, unsigned) {
    for (std::size_t begin = next.fetch_add(chunk); begin < tiles; begin = next.fetch_add(chunk)) {
      work(worker, begin, std::min(begin + chunk, tiles));
    }
  });
}

void Products::matmul(const Linear& linear, const kernels::Activations& input, float* out, std::size_t stride,
                      std::size_t begin, std::size_t end, unsigned worker) {
  kernels::matmul(*kernels_, linear.matrix, input, out, stride, begin, end,
                  scratch_.data() + worker * scratch_bytes_);
}

void Products::multiply(std::span<const Product> products) {
  std::size_t tiles = 0;
  std::size_t n = 0;
  for (const Product& p : products) {
    tiles += p.linear->matrix.tile_count();
    n = std::max(n, p.input->n);
  }
  over_tiles(tiles, n, [&](unsigned worker, std::size_t begin, std::size_t end) {
    std::size_t base = 0;  // tiles of the products before this one
    for (const Product& p : products) {
      const std::size_t count = p.linear->matrix.tile_count();
      const Overlap part(begin, end, base, count);
      if (!part.empty()) matmul(*p.linear, *p.input, p.out, p.stride, part.first, part.last, worker);
      base += count;
    }
  });
}

void Products::multiply_gated(std::span<const GatedProduct> products, model::Activation activation) {
  std::size_t tiles = 0;
  std::size_t n = 0;
  for (const GatedProduct& p : products) {
    tiles += p.network->up.matrix.tile_count();
    n = std::max(n, p.input->n);
  }
  const auto compute = [&](const GatedProduct& p, const Overlap& part, unsigned worker) {
    const Network& network = *p.network;
    const bool gated = network.gate.matrix.rows > 0;
    const Linear& first = gated ? network.gate : network.up;
    matmul(first, *p.input, p.out, p.stride, part.first, part.last, worker);
    if (gated) matmul(network.up, *p.input, p.up, p.stride, part.first, part.last, worker);
    const std::size_t row = part.first * kTileRows;
    const std::size_t rows = std::min(part.last * kTileRows, network.up.matrix.rows) - row;
    for (std::size_t t = 0; t < p.input->n; ++t) {
      float* a = p.out + t * p.stride + row;
      float* b = p.up + t * p.stride + row;
      if (!first.bias.empty()) kernels_->add(a, first.bias.data() + row, a, rows);
      if (!gated) {
        activate(activation, a, rows);
        continue;
      }
      if (!network.up.bias.empty()) kernels_->add(b, network.up.bias.data() + row, b, rows);
      activate_gated(*kernels_, activation, a, b, rows);
    }
  };
  over_tiles(tiles, n, [&](unsigned worker, std::size_t begin, std::size_t end) {
    std::size_t base = 0;
    for (const GatedProduct& p : products) {
      const std::size_t count = p.network->up.matrix.tile_count();
      const Overlap part(begin, end, base, count);
      if (!part.empty()) compute(p, part, worker);
      base += count;
    }
  });
}

void Products::add_product(const Product& product, float* y, float scale) {
  const Linear& linear = *product.linear;
  const std::size_t n = product.input->n;
  over_tiles(linear.matrix.tile_count(), n, [&](unsigned worker, std::size_t begin, std::size_t end) {
    matmul(linear, *product.input, y, product.stride, begin, end, worker);
    const std::size_t row = begin * kTileRows;
    const std::size_t rows = std::min(end * kTileRows, linear.matrix.rows) - row;
    for (std::size_t t = 0; t < n; ++t) {
      float* x = product.out + t * product.stride + row;
      kernels_->add_scaled(x, y + t * product.stride + row, scale, x, rows);
      if (!linear.bias.empty()) kernels_->add_scaled(x, linear.bias.data() + row, scale, x, rows);
    }
  });
}

}  // namespace mote::engine
