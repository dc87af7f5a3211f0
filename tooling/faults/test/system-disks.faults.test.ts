import { playThemes } from "./system-themes.ts";

playThemes("full-disks", "read-only", "permissions");
