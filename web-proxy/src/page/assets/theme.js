// Sets the chosen theme before the page is painted. Not here: the switch (script.js).
"use strict";
try {
  const theme = localStorage.getItem("theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch { /* Storage is forbidden: the system's own theme stays. */ }
