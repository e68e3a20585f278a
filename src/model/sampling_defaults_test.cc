#include "model/sampling_defaults.h"

#include <gtest/gtest.h>

namespace mote::model {
namespace {

SamplingDefaults of(std::string_view generation_config) {
  const auto json = parse_json(generation_config);
  EXPECT_TRUE(json);
  formats::Metadata metadata;
  write_sampling_defaults(*json, metadata);
  return sampling_defaults(metadata);
}

TEST(SamplingDefaults, ComeFromTheGenerationConfig) {
  const SamplingDefaults d = of(
      R"({"do_sample": true, "temperature": 0.5, "top_k": 20, "top_p": 0.75, "min_p": 0.125, "repetition_penalty": 1.25})");
  EXPECT_EQ(d.temperature, 0.5);
  EXPECT_EQ(d.top_k, 20);
  EXPECT_EQ(d.top_p, 0.75);
  EXPECT_EQ(d.min_p, 0.125);
  EXPECT_EQ(d.repetition_penalty, 1.25);
  EXPECT_EQ(of(R"({"temperature": 1})").temperature, 1.0);
}

TEST(SamplingDefaults, WithoutSamplingTheMostLikelyTokenIsTaken) {
  const SamplingDefaults d = of(R"({"do_sample": false, "temperature": 0.5, "top_k": 20})");
  EXPECT_EQ(d.temperature, 0.0);
  EXPECT_FALSE(d.top_k);
}

TEST(SamplingDefaults, WhatIsNoUsableNumberCountsAsAbsent) {
  const SamplingDefaults d = of(
      R"({"do_sample": 1, "temperature": "hot", "top_k": 2.5, "top_p": 1.5, "min_p": -0.1, "repetition_penalty": 0})");
  EXPECT_FALSE(d.temperature || d.top_k || d.top_p || d.min_p || d.repetition_penalty);
  EXPECT_FALSE(of("null").temperature);
  formats::Metadata metadata;
  metadata.set_string("general.sampling.temp", "hot");
  metadata.set_string("general.sampling.top_k", "many");
  EXPECT_FALSE(sampling_defaults(metadata).temperature);
  EXPECT_FALSE(sampling_defaults(metadata).top_k);
  metadata.set_u32("general.sampling.top_k", 4'000'000'000U);
  EXPECT_FALSE(sampling_defaults(metadata).top_k);
  metadata.set_u32("general.sampling.top_k", 7);
  EXPECT_EQ(sampling_defaults(metadata).top_k, 7);
}

}  // namespace
}  // namespace mote::model
