// What a code point is to a splitter: letter, mark, number, space or anything else.
//
// General categories come from utf8proc (version 2.8: Unicode 15.0); White_Space is the property of that
// name, which is what `\s` means in Oniguruma and PCRE2 with UCP. Hugging Face's tokenizers use the tables of
// their Rust libraries, so code points assigned in later versions of Unicode may be classified differently.
#pragma once

#include <cstdint>

namespace mote::text {

enum class CharClass : std::uint8_t { letter, mark, number, space, other };

CharClass classify(char32_t code_point);
enum class LetterCase : std::uint8_t { upper, lower, none };
// Of a letter: upper is Lu and Lt, lower is Ll, none is Lm and Lo.
LetterCase letter_case(char32_t code_point);
bool is_white_space(char32_t code_point);
bool is_nonspacing_mark(char32_t code_point);  // category Mn
// The simple lower case of UnicodeData.txt.
char32_t to_lower(char32_t code_point);

// What BERT's tokenizer means by its words (google-research/bert, tokenization.py; Hugging Face's
// normalizers/bert.rs and pre_tokenizers/bert.rs).
bool is_bert_space(char32_t code_point);
bool is_bert_control(char32_t code_point);
// Punctuation: the categories P and every ASCII character that is neither letter, digit, space nor control.
bool is_punctuation(char32_t code_point);
bool is_cjk_ideograph(char32_t code_point);

bool is_han(char32_t code_point);            // of the script Han
bool is_decimal_digit(char32_t code_point);  // category Nd, which is `\d`
// `\w`: letters, marks, decimal digits and connector punctuation.
bool is_word_character(char32_t code_point);
// `\w` of Oniguruma, the engine behind Hugging Face's patterns: its table of Latin-1 has ², ³, ¹ and the
// three fractions, and joiners are not in it.
bool is_oniguruma_word_character(char32_t code_point);

}  // namespace mote::text
