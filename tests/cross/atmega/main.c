/* The self-test on an ATmega2560: what it found goes to the serial line. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <stdint.h>

int32_t net_selftest(void);

static void put(char c) {
  while (!(UCSR0A & (1 << UDRE0))) {
  }
  UDR0 = (uint8_t)c;
}

int main(void) {
  UCSR0B = 1 << TXEN0;
  for (const char* text = net_selftest() == 0 ? "equal\n" : "different\n"; *text != '\0'; text++) put(*text);
  cli();
  sleep_mode(); /* ends the simulator */
  for (;;) {
  }
}
