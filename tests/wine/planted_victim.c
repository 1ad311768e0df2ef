/* Loads a DLL that is no "known DLL" the ordinary way: by its name. */
#include <windows.h>

int main(void)
{
    return LoadLibraryExW(L"crypt32.dll", NULL, 0) == NULL;
}
