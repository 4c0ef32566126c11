#include "CHiredisShim.h"
