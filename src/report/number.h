// Numbers as people read them. The decimal point is a point in every locale.
#pragma once

#include <cstdint>
#include <string>

namespace mote::report {

// Fixed notation: fixed(3.14159, 2) is "3.14". Not-a-number and infinities come out as "nan", "inf", "-inf".
std::string fixed(double value, int decimals);

// `digits` significant digits, scientific below 1e-4 and from 1e6 on: significant(0.00012345, 3) is
// "0.000123", significant(1.5e-7, 3) is "1.50e-07".
std::string significant(double value, int digits);

// "12.345 ± 0.067": both with the decimals that show two digits of the error; at most 9.
std::string with_error(double value, double error);

// A fraction as a percentage: percent(0.98765, 2) is "98.77 %".
std::string percent(double fraction, int decimals);

// "850 ms", "12.3 s", "4 min 05 s".
std::string duration(double seconds);

}  // namespace mote::report
