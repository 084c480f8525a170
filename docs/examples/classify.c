/* Classifies a grey image (binary PGM) with a packed model, through the installed C interface alone.
 *   classify MODEL.tern IMAGE.pgm */
#include <stdio.h>
#include <stdlib.h>
#include <tern/tern.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: classify MODEL.tern IMAGE.pgm\n");
    return 2;
  }
  tern_model* net = tern_load(argv[1]);
  if (!net) {
    fprintf(stderr, "%s\n", tern_error());
    return 1;
  }
  FILE* file = fopen(argv[2], "rb");
  int width = 0, height = 0, highest = 0;
  if (!file || fscanf(file, "P5 %d %d %d", &width, &height, &highest) != 3 || fgetc(file) == EOF || highest != 255 ||
      tern_channels(net) != 1 || width != tern_width(net) || height != tern_height(net)) {
    fprintf(stderr, "%s: expected a binary PGM of %d x %d\n", argv[2], (int)tern_width(net), (int)tern_height(net));
    return 1;
  }
  size_t size = (size_t)width * (size_t)height;
  uint8_t* pixels = malloc(size);
  if (!pixels || fread(pixels, 1, size, file) != size) {
    fprintf(stderr, "%s: truncated\n", argv[2]);
    return 1;
  }
  fclose(file);
  int32_t winner = -1;
  if (tern_classify(net, pixels, 1, &winner) != 0) {
    fprintf(stderr, "%s\n", tern_error());
    return 1;
  }
  printf("class %d of %d, on %s, tern %s\n", (int)winner, (int)tern_classes(net), tern_isa(), tern_version());
  free(pixels);
  tern_free(net);
  return 0;
}
