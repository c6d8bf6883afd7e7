import { describeCases } from './suite.ts';

describeCases('that is given shapes chosen by what was asked', 'shapes');
