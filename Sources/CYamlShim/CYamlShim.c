#include "CYamlShim.h"
