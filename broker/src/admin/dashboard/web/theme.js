// Puts the chosen colours in force before anything is drawn: a module would come too late, and the page would flash.

const chosen = localStorage.getItem('tidewire-theme');
if (chosen) document.documentElement.dataset.theme = chosen;
