import { describeCases } from './suite.ts';

describeCases('whose limits are tried', 'limits');
