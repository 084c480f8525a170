/* The self-test on a Cortex-M3, then the instructions of one run. With -icount shift=0 an instruction takes 1 ns of
   QEMU's time, and the system timer of this board counts every 40 ns. */
#include <stdint.h>
#include <stdio.h>

#include "net.h"

extern unsigned __stack;
void _start(void);
int32_t net_selftest(void);
static void hang(void) {
  for (;;) {
  }
}
__attribute__((section(".vectors"), used)) static void* const vectors[] = {&__stack, (void*)_start, (void*)hang,
                                                                           (void*)hang};

#define TIMER_CONTROL (*(volatile uint32_t*)0xe000e010u)
#define TIMER_RELOAD (*(volatile uint32_t*)0xe000e014u)
#define TIMER_VALUE (*(volatile uint32_t*)0xe000e018u)

#ifdef NET_TRACE
int main(void) { return net_selftest() == 0 ? 0 : 1; }
#else
static net_arena arena;
static uint8_t image[NET_IMAGE_BYTES];
static net_score scores[NET_SCORES];
int main(void) {
  for (int32_t i = 0; i < NET_IMAGE_BYTES; i++) image[i] = (uint8_t)(i * 37);
  TIMER_RELOAD = 0xffffffu;
  TIMER_VALUE = 0;
  TIMER_CONTROL = 5;
  const uint32_t before = TIMER_VALUE;
  net_run(image, &arena, scores);
  const uint32_t after = TIMER_VALUE;
  printf("%lu\n", (unsigned long)((before - after) & 0xffffffu) * 40);
  return 0;
}
#endif
